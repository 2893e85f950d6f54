"""A web shop's analytics: key prefixes, floats, own date columns, users and orders by day, weeks and months."""
