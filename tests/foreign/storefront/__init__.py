"""A web shop's analytics: key prefixes, floats, users and orders by day, weekly and monthly reports."""
