"""What an earlier version wrote into ledgers means what it meant, and is written as it was.

Each line of ``fixtures/ledger.ndjson.xz`` is the history of one correction: the events as the ledger kept them, and the
state that the version which wrote them as untyped details added up. Its states were flat. Lines are added, never made
anew: they are what is out there.
"""

import json
import lzma
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest

from backfill_assets.core import facts
from backfill_assets.core.codec import encoded
from backfill_assets.core.events import Event, detail_of, fact_of
from backfill_assets.core.fold import history
from backfill_assets.core.progress import Pace, Progress, Spent
from backfill_assets.core.steps import Outcome, Step

PACKED = Path(__file__).parent.parent / "fixtures" / "ledger.ndjson.xz"
HISTORIES: list[dict[str, Any]] = [json.loads(line) for line in lzma.decompress(PACKED.read_bytes()).splitlines()]
ROWS = [row for one in HISTORIES for row in one["events"]]
COVERED = {
    ("abandon", "done"),
    ("approve", "done"),
    ("communicate", "done"),
    ("cut_over", "done"),
    ("cut_over", "failed"),
    ("cut_over", "planned"),
    ("cut_over", "refused"),
    ("cut_over", "requested"),
    ("decommission", "done"),
    ("decommission", "started"),
    ("freeze_reports", "done"),
    ("freeze_reports", "ended"),
    ("freeze_reports", "failed"),
    ("freeze_reports", "refused"),
    ("freeze_reports", "requested"),
    ("open_correction", "done"),
    ("open_correction", "requested"),
    ("rebuild_downstream", "done"),
    ("rebuild_downstream", "failed"),
    ("rebuild_downstream", "progressed"),
    ("rebuild_downstream", "requested"),
    ("reset_watermarks", "done"),
    ("reset_watermarks", "progressed"),
    ("reset_watermarks", "waived"),
    ("roll_back", "done"),
    ("roll_back", "planned"),
    ("roll_back", "refused"),
    ("stage", "done"),
    ("stage", "failed"),
    ("stage", "progressed"),
    ("stage", "refused"),
    ("stage", "requested"),
    ("validate", "done"),
    ("validate", "failed"),
    ("validate", "refused"),
    ("verify_source", "done"),
    ("verify_source", "failed"),
    ("verify_source", "requested"),
}
# Stored once and read by nobody: a new try was never of some days alone, and the reason for giving a correction up
# stands with that fact too. Further looks are left out while there was none.
NO_LONGER_KEPT = {
    ("verify_source", "done"): {"further_looks"},
    ("open_correction", "requested"): {"days"},
    ("rebuild_downstream", "done"): {"note"},
    ("communicate", "done"): {"note"},
}


def fact_in(row: Mapping[str, Any]) -> facts.Fact:
    return fact_of(Step(row["step"]), Outcome(row["outcome"]), row["detail"])


def event_in(row: Mapping[str, Any]) -> Event:
    at = datetime.fromisoformat(row["at"])
    return Event(row["correction"], fact_in(row), at, row["actor"], row["run_id"], row["sequence"])


def flat(progress: Progress) -> dict[str, Any]:
    """A state by the names that it had when it was flat."""
    parts = (progress.staging, progress.gate, progress.publication, progress.downstream)
    told: dict[str, Any] = {name: value for part in parts for name, value in asdict(part).items()}
    if not told["readable_from"]:
        del told["readable_from"]  # was not there, and says nothing where no source has a limit
    assert not told.pop("gone")  # no fact tells of it
    assert told.pop("extended") is False  # of tables that carry state, which there were none
    assert progress.staging.pace == Pace()  # nobody could change it
    assert progress.staging.spent == Spent()  # nobody measured it
    # What was measured then stands in the facts, and was not added up.
    del told["pace"], told["spent"], told["took"]
    told["version"] = told.pop("swap_count")
    told["ending"] = told["ending"] or ""
    told["owes_notice"] = told["owes_notice"] or ""
    told |= {"sequence": progress.sequence, "done": progress.done, "failures": progress.failures}
    pending = {key: asdict(one) for key, one in progress.runs.pending.items()}
    for key, one in pending.items():
        del one["item"]
        one["errand"] = progress.runs.pending[key].item.as_json()
    asked = {"pending": pending, "times": progress.runs.times, "fruitless": progress.runs.fruitless}
    return {**plain(told), "plan": progress.plan.as_json(), "asked": plain(asked)}


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(one) for one in value), key=json.dumps)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return encoded(value) if value is None or not isinstance(value, Enum) else value.value


@pytest.mark.parametrize("stored", HISTORIES, ids=lambda stored: stored["name"])
def test_a_history_of_before_adds_up_to_the_same_state(stored: dict[str, Any]):
    assert flat(history([event_in(row) for row in stored["events"]])) == stored["state"]


# Kinds that came later, of which no history of before can have any.
SINCE = {facts.Paced}


def test_every_kind_of_fact_is_among_what_was_stored():
    assert {type(fact_in(row)) for row in ROWS} == {*get_args(facts.Fact)} - SINCE
    assert {(row["step"], row["outcome"]) for row in ROWS} == COVERED


def test_a_fact_of_before_is_written_as_it_was_stored():
    """But for keys that nobody reads, and those that an older row lacked, which stand for their default."""
    dropped: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in ROWS:
        fact = fact_in(row)
        written = detail_of(fact)
        shared = written.keys() & row["detail"].keys()

        assert (fact.step, fact.outcome) == (row["step"], row["outcome"])
        assert {key: written[key] for key in shared} == {key: row["detail"][key] for key in shared}, row
        assert fact_of(fact.step, fact.outcome, written) == fact
        dropped[row["step"], row["outcome"]] |= row["detail"].keys() - shared
    assert {kind: keys for kind, keys in dropped.items() if keys} == NO_LONGER_KEPT
