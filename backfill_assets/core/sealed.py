"""Events of the ledger, each with its digest and that of the one before it in its correction.

A digest is the SHA-256 of the digest before it, a newline, and the event's row as canonical JSON; docs/attest.md says
it for those who compute it with something else. Rows of before there were digests have none: the first event with one
carries what theirs would be, and so seals them as they were then.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# What stands in the place of a digest before the first event of a correction.
NOTHING_BEFORE = "0" * 64
SEALED = ("correction", "sequence", "table", "step", "outcome", "at", "actor", "run_id", "detail", "manifest")
ROW_NUMBER = "row_number"


def canonical(row: Row) -> str:
    """A row as the digest reads it: JSON without spaces, keys sorted, times in UTC to the microsecond."""
    told = {name: row[name] for name in SEALED}
    told["at"] = told["at"].isoformat(timespec="microseconds")
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(previous: str, row: Row) -> str:
    """The digest of an event that follows one with this digest."""
    return hashlib.sha256(f"{previous}\n{canonical(row)}".encode()).hexdigest()


def head_of(rows: Iterable[Row]) -> str:
    """The digest that the next event of a correction carries; ``rows`` are those that it has, in sequence."""
    head = NOTHING_BEFORE
    for row in rows:
        head = row["digest"] or digest_of(head, row)
    return head


def broken_in(rows: Sequence[Row]) -> list[str]:
    """What is wrong with the rows of a ledger, each in a sentence; nothing where each row is as it was written.

    Rows are those of all corrections: one that was moved to another, or dropped, is missed by its number.
    """
    found = [f"A row of the ledger has no {name}." for row in rows for name in SEALED if row[name] is None]
    if found := found or [*_broken_numbers(rows)]:
        return found
    by_correction: dict[str, list[Row]] = {}
    for row in rows:
        by_correction.setdefault(row["correction"], []).append(row)
    for correction, own in sorted(by_correction.items()):
        found += _broken_order(correction, own) or _broken_digests(correction, own)
    return found


def sealed_from(rows: Iterable[Row]) -> int | None:
    """The sequence of the first event with a digest, None when no event has one."""
    return min((row["sequence"] for row in rows if row["digest"]), default=None)


def _broken_numbers(rows: Sequence[Row]) -> Iterator[str]:
    numbers = [row[ROW_NUMBER] for row in rows if row[ROW_NUMBER] is not None]
    for row in rows:
        if row[ROW_NUMBER] is None and row["digest"]:
            yield f"{_named(row)} has lost its number in the ledger."
    first = len(rows) - len(numbers) + 1
    wanted = range(first, first + len(numbers))
    if missing := sorted(set(wanted) - set(numbers)):
        yield f"Rows of the ledger are not numbered as they were written, and number {missing[0]} is missing."


def _broken_order(correction: str, rows: Sequence[Row]) -> list[str]:
    """What is wrong with the sequence of a correction's events."""
    times = Counter(row["sequence"] for row in rows)
    twice = sorted(one for one, count in times.items() if count > 1)
    missing = sorted(set(range(1, len(times) + 1)) - set(times))
    told = [f"Event {one} of correction {correction} is there more than once." for one in twice]
    if told := told + [f"Event {one} of correction {correction} is missing." for one in missing]:
        return told
    numbered = [row[ROW_NUMBER] for row in sorted(rows, key=lambda row: row["sequence"]) if row[ROW_NUMBER] is not None]
    if numbered != sorted(numbered):
        return [f"Events of correction {correction} are not in the order in which they were written."]
    return []


def _broken_digests(correction: str, rows: Sequence[Row]) -> Iterator[str]:
    """What is wrong with the digests of a correction's events, which are all there."""
    head, is_sealed = NOTHING_BEFORE, False
    for row in sorted(rows, key=lambda row: row["sequence"]):
        if not row["digest"] and not row["previous"] and not is_sealed:
            head = digest_of(head, row)
            continue
        if row["previous"] != head:
            if is_sealed or row["sequence"] == 1:
                yield f"{_named(row)} does not carry the digest of the event before it."
            else:
                yield f"Events of correction {correction} before {row['sequence']} are not what they were at that one."
        if row["digest"] != digest_of(row["previous"] or "", row):
            yield f"{_named(row)} is not what was written."
        head, is_sealed = row["digest"], True


def _named(row: Row) -> str:
    return f"Event {row['sequence']} of correction {row['correction']}"
