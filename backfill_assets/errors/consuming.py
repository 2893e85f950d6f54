"""Refusals about consumers of a log: what the log does not reach."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, Refused, listed, quoted


class LogNotReached(Refused):
    """A position lies before what a log still holds, or after all that it ever held."""

    def __init__(self, log: str, wanted: str, earliest: str, newest: str) -> None:
        super().__init__(
            f"{log} cannot be read on from {wanted}; it reaches from {earliest} to {newest}. "
            "The consumer's output and its bookmark are as they were. "
            "Name a place that it reaches, or correct what came before it by opening a correction."
        )


class PositionUnread(BadInput):
    """What was given as a place in a log is none."""

    def __init__(self, log: str, given: str, example: str) -> None:
        super().__init__(
            f"{quoted(given)!r} is no place in {log}. Nothing was changed. "
            f"Give a time, such as 2026-01-22T18:00Z, or one of its own, such as {example}."
        )


class ConsumerUnknown(BadInput):
    """The code location has no consumer of that name."""

    def __init__(self, consumer: str, known: Collection[str]) -> None:
        there = f"Name one of {listed(known)}" if known else "Build one by build_consumer_definitions"
        super().__init__(f"There is no consumer {quoted(consumer)}. Nothing was read. {there}.")


class NothingToReplay(Refused):
    """A consumer is asked to read again what it has not read."""

    def __init__(self, consumer: str, wanted: str, read: str) -> None:
        super().__init__(
            f"{consumer} cannot be set back to {wanted}, because it has read {read}. Its bookmark is as it was. "
            "Name an earlier place, or let it go on by `backfill-assets consume`."
        )


class ReplayNotReached(LogNotReached):
    """A replay asks for more than the log still holds; ``request`` is the correction that does the same."""

    def __init__(self, log: str, wanted: str, earliest: str, newest: str, request: str) -> None:
        super().__init__(log, wanted, earliest, newest)
        self.request = request


class RequestElsewhere(BadInput):
    """A request of a correction is to be done by a consumer that keeps another table."""

    def __init__(self, consumer: str, table: str) -> None:
        super().__init__(
            f"The request is for {quoted(table)}, which {consumer} does not keep. Nothing was read again. "
            "Open it as a correction by `backfill-assets open`."
        )
