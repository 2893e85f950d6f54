"""Nightly: publishing every pending day, and the jobs that run by schedule."""
