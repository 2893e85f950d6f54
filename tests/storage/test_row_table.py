"""Control tables of dataclasses: what is stored, under which names and types, and what is read of older rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.slots import Hour
from backfill_assets.sources import withdrawals
from backfill_assets.storage import (
    builds,
    calendar,
    completeness,
    findings,
    ledger,
    outbox,
    proofs,
    watermarks,
)
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, as_text, frame_of, row_schema, values_of

TEXT, WHOLE, TRUTH, DAY, TIME = pl.String(), pl.Int64(), pl.Boolean(), pl.Date(), pl.Datetime("us", "UTC")

# As lakes hold them: a name or a type that changes here is one that older rows do not have.
STORED = {
    ledger.Entry: {
        "correction": TEXT,
        "sequence": WHOLE,
        "table": TEXT,
        "step": TEXT,
        "outcome": TEXT,
        "at": TIME,
        "actor": TEXT,
        "run_id": TEXT,
        "detail": TEXT,
        "manifest": TEXT,
        "previous": TEXT,
        "digest": TEXT,
    },
    watermarks.Entry: {
        "sequence": WHOLE,
        "holder": TEXT,
        "table": TEXT,
        "fact": TEXT,
        "day": DAY,
        "through": DAY,
        "correction": TEXT,
        "by": TEXT,
        "note": TEXT,
        "at": TIME,
        "external": TRUTH,
        "commit": WHOLE,
        "day_hour": TIME,
        "through_hour": TIME,
    },
    completeness.Completeness: {
        "report": TEXT,
        "partition": TEXT,
        "table": TEXT,
        "expected": TEXT,
        "expected_days": WHOLE,
        "present_days": WHOLE,
        "missing": TEXT,
        "commit": WHOLE,
        "fingerprint": TEXT,
        "code_versions": TEXT,
        "basis": TEXT,
        "corrections": TEXT,
        "run_id": TEXT,
        "built_at": TIME,
    },
    builds.Build: {
        "table": TEXT,
        "file": TEXT,
        "day": DAY,
        "inputs": TEXT,
        "code_version": TEXT,
        "git_commit": TEXT,
        "run_id": TEXT,
        "correction": TEXT,
        "at": TIME,
        "seconds": pl.Float64(),
        "content": TEXT,
        "rows": WHOLE,
        "sums": TEXT,
        "day_hour": TIME,
    },
    proofs.KeptCertificate: {"correction": TEXT, "digest": TEXT, "certificate": TEXT, "at": TIME, "head": TEXT},
    outbox.Sending: {
        "message_id": TEXT,
        "channel": TEXT,
        "state": TEXT,
        "correction": TEXT,
        "event": TEXT,
        "number": WHOLE,
        "audience": TEXT,
        "subject": TEXT,
        "body": TEXT,
        "why": TEXT,
        "at": TIME,
    },
    findings.Stored: {
        "table": TEXT,
        "finding": TEXT,
        "state": TEXT,
        "since": DAY,
        "last": DAY,
        "detail": TEXT,
        "at": TIME,
        "since_hour": TIME,
        "last_hour": TIME,
    },
    proofs.Drawn: {"correction": TEXT, "number": WHOLE, "sample": TEXT},
    proofs.FiguresOfCertificate: {"correction": TEXT, "certificate": TEXT, "figures": TEXT},
    calendar.Said: {"month": TEXT, "closed": TRUTH, "by": TEXT, "at": TIME, "sequence": WHOLE},
    withdrawals.WithdrawalDecision: {
        "what": TEXT,
        "sha256": TEXT,
        "accepted": TRUTH,
        "by": TEXT,
        "note": TEXT,
        "at": TIME,
        "sequence": WHOLE,
    },
    calendar.FirstDay: {"table": TEXT, "first": DAY, "at": TIME, "first_hour": TIME},
}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Thing:
    """One field of every kind."""

    name: str
    count: int
    share: float
    sound: bool
    day: date
    at: datetime
    colour: Colour
    until: date | None
    days: tuple[date, ...]
    detail: Mapping[str, Any]
    initials: tuple[str, ...] = field(metadata=as_text("".join, tuple))
    length: int = field(init=False)
    note: str = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.days))


DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SLOTS = DAYS | TIMES.map(Hour.of)
THINGS = st.builds(
    Thing,
    name=st.text(st.characters(exclude_categories=["Cs"])),
    count=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False),
    sound=st.booleans(),
    day=SLOTS,
    at=TIMES,
    colour=st.sampled_from(Colour),
    until=st.none() | SLOTS,
    days=st.lists(SLOTS, max_size=4).map(tuple),
    detail=st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.lists(st.booleans()), max_size=3),
    initials=st.lists(st.sampled_from("abc")).map(tuple),
)


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}")
def test_the_columns_of_a_control_table_are_those_that_lakes_have(kind: type):
    assert list(row_schema(kind).items()) == list(STORED[kind].items())


@given(things=st.lists(THINGS, max_size=3))
def test_what_is_stored_is_read_back(things: list[Thing]):
    assert values_of(Thing, frame_of(Thing, things)) == things


@given(things=st.lists(THINGS, max_size=3))
def test_what_is_read_back_is_of_the_same_kind(things: list[Thing]):
    read = values_of(Thing, frame_of(Thing, things))

    assert [(type(one.day), str(one.day), str(one.until)) for one in read] == [
        (type(one.day), str(one.day), str(one.until)) for one in things
    ]


def test_a_lake_of_before_has_no_hours_and_gets_a_column_for_them_with_its_next_row(root):
    lake, at = Lake(str(root)), datetime(2026, 1, 23, tzinfo=UTC)
    before = frame_of(calendar.FirstDay, [calendar.FirstDay("fct", date(2026, 1, 1), at)]).drop("first_hour")
    ControlTable(lake, "first_days", before.schema).append(lambda _: before)
    table = calendar.FirstDays(lake)
    assert table.known("fct") == date(2026, 1, 1)

    table.note("events", Hour.of(at), at)

    assert str(table.known("events")) == "2026-01-23T00:00Z"
    assert table.known("fct") == date(2026, 1, 1)


@given(thing=THINGS)
def test_a_column_that_is_not_there_or_null_has_the_default_of_its_field(thing: Thing):
    stored = frame_of(Thing, [thing])

    for older in (stored.drop("note"), stored.with_columns(note=pl.lit(None, pl.String))):
        assert values_of(Thing, older) == [thing]


def test_a_value_made_of_the_others_is_stored_for_those_who_read_the_table_with_another_tool():
    assert [one.name for one in fields(Thing) if not one.init] == ["length"]
    assert "length" in row_schema(Thing)


def test_the_result_is_that_of_the_decision_that_stands(root):
    table = RowTable(Lake(str(root)), "first_days", calendar.FirstDay)
    row = calendar.FirstDay("fct", date(2026, 1, 1), datetime(2026, 1, 23, tzinfo=UTC))
    seen: list[int] = []

    def decide(known: pl.DataFrame) -> Decision[list[calendar.FirstDay], int]:
        if not seen:
            table.append([row])
        seen.append(known.height)
        return Decision([row], known.height)

    assert table.append_decided(decide) == 1
    assert seen == [0, 1]
    assert table.rows().height == 2


def test_a_decision_to_write_nothing_has_its_result(root):
    table = RowTable(Lake(str(root)), "first_days", calendar.FirstDay)

    assert table.append_decided(lambda known: Decision((), known.height)) == 0
    assert table.append([]) is None
    assert table.rows().is_empty()
    assert ControlTable(Lake(str(root)), "first_days", table.rows().schema).rows().is_empty()
