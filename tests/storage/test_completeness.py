"""What reports were built from: as it is measured, written down, and asked for by table."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backfill_assets.storage.builds import Build, Builds
from backfill_assets.storage.completeness import Basis, BuiltReports, measure
from backfill_assets.storage.layout import Lake
from tests.storage.lakes import day, live_with
from tests.stores import Root

AT = datetime(2026, 1, 23, 6, tzinfo=UTC)
# Which of two days a correction wrote, and what a report of both is built from then.
BASES = {
    "no day": ([], Basis.ORIGINAL),
    "one of them": (["a", ""], Basis.MIXED),
    "both, by one": (["a", "a"], Basis.CORRECTED),
    "both, by two": (["a", "b"], Basis.CORRECTED),
    "none, as is known": (["", ""], Basis.ORIGINAL),
}


@pytest.mark.parametrize("name", BASES)
def test_a_report_says_whether_its_days_are_corrected(name: str, root: Root) -> None:
    corrections, basis = BASES[name]
    lake, live = Lake(str(root)), live_with(root / "sales", {day(0): [1], day(1): [2]}).snapshot()
    builds = Builds(lake)
    for number, correction in enumerate(corrections):
        build = Build("sales", day(number), {}, "1", "", "run", correction, AT)
        builds.record([(file, build) for file in live.files[day(number)]])
    (built,) = measure("page", {"all": [day(0), day(1)]}, "sales", live, builds, run_id="run", at=AT)
    assert (built.basis, built.corrections) == (basis, tuple(sorted({*corrections} - {""})))
    assert built.is_complete
    assert built.is_of(live)


def test_of_two_tables_that_a_report_reads_each_has_its_own_builds(root: Root) -> None:
    lake, live = Lake(str(root)), live_with(root / "sales", {day(0): [1]}).snapshot()
    (of_sales,) = measure("page", {"all": [day(0)]}, "sales", live, Builds(lake), run_id="one", at=AT)
    of_costs = replace(of_sales, table="costs", run_id="two")
    built = BuiltReports(lake)
    built.record([of_sales, of_costs])

    assert {name: one.run_id for name, one in built.of_report("page", "sales").items()} == {"all": "one"}
    assert {name: one.run_id for name, one in built.of_report("page", "costs").items()} == {"all": "two"}
    assert built.of_report("page")["all"].run_id == "two"
    assert built.of_report("page", "others") == {}
    assert built.tables_of("page") == ("costs", "sales")
