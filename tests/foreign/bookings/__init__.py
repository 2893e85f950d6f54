"""Four hundred days of nights booked, written by nobody of this project, and a code location around them."""
