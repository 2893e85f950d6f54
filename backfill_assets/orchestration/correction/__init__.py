"""The nine steps of a correction as assets, their checks, and the jobs that a person launches."""
