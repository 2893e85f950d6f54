"""What ``docs/scale.md`` says follows of the constants in it, and these are what the code and the prices have."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from backfill_assets.core.waves import MOST_RUNS
from backfill_assets.runbook.maintaining import RETENTION_DAYS
from backfill_assets.runbook.storage_prices import prices_of
from backfill_assets.storage.control import MOST_FILES
from backfill_assets.storage.table import PROPERTIES
from scripts.scaling import measuring
from scripts.scaling.cluster import Replayed
from scripts.scaling.constants import ASSUMED, MEASURED, TAKEN, Constants
from scripts.scaling.document import DOCUMENT, PLAIN, between, constants_of, measured_table, tables, with_tables
from scripts.scaling.limits import LIMITS, Asking
from scripts.scaling.model import BIG, LAKES, LONE, PETABYTE, Bill, Logs
from scripts.scaling.plans import CASES, replayed

ROOT = Path(__file__).parent.parent
TEXT = DOCUMENT.read_text()
GIVEN = constants_of(TEXT)
PLACES = re.findall(r"<!-- scale: (\w+) -->", TEXT)


@pytest.fixture(scope="module")
def computed() -> dict[str, str]:
    return tables(GIVEN)


@pytest.mark.parametrize("place", [place for place in PLACES if place != "measured"])
def test_a_table_is_what_its_constants_give(place: str, computed: dict[str, str]):
    assert between(TEXT, place) == computed[place], "`scripts/scale` writes it anew"


def test_the_document_has_a_place_for_every_table(computed: dict[str, str]):
    assert sorted(PLACES) == sorted([*computed, "measured"])


def test_every_constant_is_in_the_document_and_says_where_it_is_from():
    assert GIVEN.measured.keys() == MEASURED.keys()
    for name, given in {**MEASURED, **TAKEN, **ASSUMED}.items():
        assert given.what
        assert given.source
        assert GIVEN[name] > 0, name


def test_every_constant_is_used():
    used = "".join((ROOT / f"scripts/scaling/{name}.py").read_text() for name in ("model", "limits"))

    assert [name for name in {**MEASURED, **TAKEN, **ASSUMED} if f'"{name}"' not in used] == []


def test_measured_constants_are_read_back_as_they_are_written():
    known = {name: number * 1.23e-4 for number, name in enumerate(MEASURED, 1)} | {
        "open_memory_bytes_per_file": 12_345.6
    }
    text = with_tables(
        "a\n<!-- scale: measured -->\nwas there\n<!-- /scale: measured -->\nb", {"measured": measured_table(known)}
    )

    assert constants_of(text).measured == pytest.approx(known, rel=5e-3)
    assert "was there" not in text


def test_what_is_taken_from_the_code_is_what_the_code_has():
    from backfill_assets.orchestration.driving.sensor import SECONDS

    queue = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_queue"]
    assert GIVEN["seconds_between_ticks"] == SECONDS
    assert GIVEN["commits_per_checkpoint"] == int(PROPERTIES["delta.checkpointInterval"])
    assert GIVEN["most_files"] == MOST_FILES
    assert GIVEN["kept_days"] == RETENTION_DAYS
    assert GIVEN["launches_at_once"] == queue["dequeue_num_workers"]


def test_a_petabyte_of_raw_for_a_year_costs_what_the_document_of_storage_costs_says(tmp_path: Path):
    """At the prices that it shows, and at those that come with the library."""
    shown = re.search(r"```toml\n(.*?)```", (ROOT / "docs/storage-cost.md").read_text(), re.DOTALL)
    assert shown
    (tmp_path / "prices.toml").write_text(shown[1])

    for prices in (prices_of(tmp_path / "prices.toml"), prices_of()):
        assert prices.currency == "USD"
        assert Bill(BIG, GIVEN, prices).raw(prices.raw) == Decimal("240000.00")
    assert BIG.raw == LONE.raw == PETABYTE == 10**15
    assert "A petabyte of raw costs 240,000 USD a year" in between(TEXT, "answer")


@pytest.fixture(scope="module")
def found() -> dict[str, Replayed]:
    return replayed()


def test_180_days_of_four_hours_are_six_rounds_on_thirty_slots(found: dict[str, Replayed]):
    assert (found["one slot"].hours, found[PLAIN].hours, found[PLAIN].at_once) == (720, 24, 30)
    assert found[PLAIN].slot_hours == 720
    assert {run.begins for run in found[PLAIN].runs} == {0, 4, 8, 12, 16, 20}


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if not case.cluster.told])
def test_no_case_takes_longer_than_its_bound(case: str, found: dict[str, Replayed]):
    assert found[case].hours <= found[case].bound


def test_more_of_anything_asks_more_of_every_limit():
    """None of them is turned round: each larger lake asks at least as much."""
    for limit in LIMITS:
        asked = [limit.times(Asking(lake, GIVEN, 364, 30)) for lake in LAKES[:4]]
        if limit.what != "memory of a computed day":
            assert asked == sorted(asked), limit.what
    assert MOST_RUNS in {limit.bears for limit in LIMITS}


LOGS = {
    # A terabyte in a year, in files of 256 MB: 11 a day, 365 nights and three checkpoints of all that there was.
    LAKES[0].name: (LAKES[0], 4_015, 4_015 * 10 + 365 * 5, 4_015 * 3, 4_015 * 3 * 2),
    LAKES[3].name: (LAKES[3], 7_300, 7_300 * 10 + 3_650 * 5, 7_300 * 3, 7_300 * 3 * 37 / 2),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_is_its_entries_and_its_checkpoints(name: str):
    lake, files, entries, newest, all_of_them = LOGS[name]
    given = Constants({"log_bytes_per_add": 10, "log_bytes_per_commit": 5, "checkpoint_bytes_per_file": 3})

    found = Logs(lake, given)

    assert (found.files, found.entries, found.checkpoint, found.checkpoints) == (files, entries, newest, all_of_them)


def test_logs_are_measured_on_files_that_only_the_log_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "FEW", 20)

    found = measuring.of_logs(tmp_path)

    assert 400 < found["log_bytes_per_add"] < 1_000
    assert found["log_bytes_per_remove"] < found["log_bytes_per_add"]
    assert found["file_bytes_per_row"] < found["memory_bytes_per_row"]


@pytest.mark.slow
def test_every_constant_can_be_measured(monkeypatch: pytest.MonkeyPatch):
    small = {"FEW": 20, "MANY": 200, "ENTRIES": 3, "EVENTS": 5, "ROWS_MANY": 4_000, "CORRECTIONS": 2}
    for name, value in small.items():
        monkeypatch.setattr(measuring, name, value)

    assert measuring.measured().keys() == MEASURED.keys()
