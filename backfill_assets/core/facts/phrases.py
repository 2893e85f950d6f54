"""Phrases that the sentences of facts share."""

from collections.abc import Collection

from backfill_assets.errors.base import listed


def because(note: str) -> str:
    """A note in brackets, where there is one.

    >>> because("wrong rates")
    ' (wrong rates)'
    """
    return f" ({note})" if note else ""


def named(names: Collection[str]) -> str:
    """At most five names in brackets, where there are any."""
    return f" ({listed(names)})" if names else ""
