"""What any source of raw data can have, whatever it is about: files that wait for a person's decision, and the like."""
