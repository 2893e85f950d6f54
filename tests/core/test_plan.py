"""Whatever a plan holds comes back from the ledger: one line a field, and a field without one fails."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from backfill_assets.core.budget import Budget
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Approval, Member, Plan, PlannedCost, PlannedInputs, Request
from backfill_assets.core.position import Beside
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window

WINDOW = Window(date(2026, 1, 5), date(2026, 1, 9))
REQUEST = Request("orders", WINDOW, "Wrong rates.", correction="a")
PLAN = Plan("a", REQUEST, datetime(2026, 2, 1, 7, tzinfo=UTC), "ada")

# A field with a value that is not its default; those without a default have one in the plan above.
OF_INPUTS: dict[str, Any] = {
    "pins": {"raw": 3},
    "code_version": "2",
    "after": ("b",),
    "rates": {"raw": 1.5},
    "unpinned": ("orders_elsewhere",),
    "chain": (Member("a", "orders"), Member("a-2", "totals")),
    "carries_state": True,
    "largest": Window(date(2025, 1, 1), date(2026, 1, 9)),
    "beside": Beside((4, 7), "1"),
}
OF_COST: dict[str, Any] = {
    "bytes_staged": 5,
    "seconds": 1.5,
    "run_seconds": 2.5,
    "seconds_per_day": 0.5,
    "runs_seen": 3,
    "core_seconds": 12.5,
    "core_hour": Decimal("0.05"),
}
OF_REQUEST: dict[str, Any] = {
    "watchers": ("finance",),
    "expectation": Expectation(max_change_total=Decimal("0.2")),
    "approval": Approval.AUTOMATIC,
    "days": (date(2026, 1, 6), date(2026, 1, 8)),
    "waves": WavePolicy(7, 3, WaveOrder.NEWEST, 2, 12.0),
    "origin": "launch",
    "budget": Budget(Decimal("2.50"), "core-hours"),
}
OF_PLAN: dict[str, Any] = {"reports": {"weekly": ("2026-01-05",)}, "holders": ("warehouse",), "rollback_days": 30}
# What a plan of before lacked, and a request has for its opening only.
GIVEN = {"table", "window", "reason", "correction", "request", "opened_at", "opened_by", "inputs", "cost"}
NOT_IN_A_PLAN = {"downstream"}


def plans() -> dict[str, Plan]:
    return {
        **{f"inputs {name}": replace(PLAN, inputs=PlannedInputs(**{name: one})) for name, one in OF_INPUTS.items()},
        **{f"cost {name}": replace(PLAN, cost=PlannedCost(**{name: one})) for name, one in OF_COST.items()},
        **{f"request {n}": replace(PLAN, request=replace(REQUEST, **{n: one})) for n, one in OF_REQUEST.items()},
        **{f"plan {name}": replace(PLAN, **{name: one}) for name, one in OF_PLAN.items()},
    }


@pytest.mark.parametrize("name", plans())
def test_a_field_comes_back_from_the_ledger_and_changes_what_is_approved(name: str) -> None:
    plan = plans()[name]
    assert plan != PLAN
    assert Plan.from_json(plan.as_json()) == plan
    assert plan.digest != PLAN.digest


def test_every_field_has_its_line() -> None:
    known = {*OF_INPUTS, *OF_COST, *OF_REQUEST, *OF_PLAN, *GIVEN, *NOT_IN_A_PLAN}
    there = {field.name for kind in (Plan, PlannedInputs, PlannedCost, Request) for field in fields(kind)}
    assert there == known


def test_a_plan_without_what_came_later_has_the_digest_that_it_was_approved_with() -> None:
    later = {"rates", "unpinned", "chain", "carries_state", "largest", "beside"}
    assert not later & {*PLAN.as_json()}
