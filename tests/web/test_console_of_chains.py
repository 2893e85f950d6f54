"""The console on tables that are corrected together: decided on by the first, shown as one."""

from pathlib import Path

import pytest

from backfill_assets.testing import TestLake
from tests.kinds.tables_in_a_row import DAYS_THERE, NOW, day, days, doubled, location, orders
from tests.web.served import Deciding, served


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestLake, str]:
    lake = TestLake(tmp_path_factory.mktemp("gate") / "lake", location(), now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    alone = lake.with_code(location(daily={"reports": []}))
    alone.publish(day(1), day(DAYS_THERE), table="daily")
    alone.plant(day(9), day(12), doubled, table="daily")
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lake.publish(day(1), day(22), table="weekly")
    lead = lake.correct(day(9), day(12), table="daily", reason="Doubled.", downstream=["weekly", "trailing"])
    lead.to_gate()
    return lake, lead.id


def test_three_tables_are_approved_by_the_first_and_by_none_of_the_others(gate: tuple[TestLake, str], tmp_path: Path):
    lake, lead = gate[0].copy(tmp_path / "lake"), gate[1]
    with served(lake) as console:
        browser = console.browser()
        follower = browser.get(f"/corrections/{lead}-2/")
        assert 'href="decide/approve"' not in follower.text
        assert 'href="decide/abandon"' not in follower.text
        refused = browser.get(f"/corrections/{lead}-2/decide/approve")
        assert refused.status == 409
        assert f"decided on by {lead}" in refused.told
        form = browser.get(f"/corrections/{lead}/decide/approve")
        for table in ("daily", "trailing", "weekly"):
            assert f" of {table} " in form.told, form.told
        assert Deciding(browser, lead, "approve").through().status == 303
        assert all(lake.correction(name).progress.is_approved for name in (lead, f"{lead}-2", f"{lead}-3"))
        lake.correction(lead).drive()
        back = browser.get(f"/corrections/{lead}/decide/roll-back")
        assert "What was computed from them in weekly, trailing goes back first." in back.told
