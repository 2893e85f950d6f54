"""Errors that nobody foresaw, of other people's code: all of them are caught where one day or file must fail alone."""

from polars.exceptions import PanicException

FAULTS = (Exception, PanicException)
"""A panic inside Polars is no ``Exception``: it would pass ``except Exception`` and stop everything."""
