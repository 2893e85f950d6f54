"""What a staging is expected to cost, and the price by which a budget of money is counted."""

from decimal import Decimal

from backfill_assets.core.budget import Budget
from backfill_assets.core.plan import Plan
from backfill_assets.errors.request import BudgetUnpriced
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.storage_prices import prices_of

NEWEST = 20
"""So many corrections of a table say what one of its days costs."""


def core_hour_of(budget: Budget | None) -> Decimal | None:
    """The price of a core for an hour, in the currency of a budget; None for one that takes no price.

    Raises:
        BudgetUnpriced: when the prices are in another currency, or have none for it.
        PricesUnusable: when they cannot be read.
    """
    if budget is None or not budget.is_money:
        return None
    prices = prices_of()
    if prices.currency != budget.unit or not prices.core_hour:
        raise BudgetUnpriced(str(budget), prices.currency, has_price=bool(prices.core_hour))
    return prices.core_hour


def expected_cost(ctx: StepContext, plan: Plan, run_seconds: float) -> float:
    """How many core-seconds staging will take, by what days of the table took in its newest corrections.

    Where none was measured, those of one core for as long as the runs are expected to take.
    """
    known = (one for one in ctx.records.ledger.all_progress().values() if one.plan.table == plan.table)
    seen = [one.staging.spent for one in known if one.staging.spent.days][-NEWEST:]
    days = sum(one.days for one in seen)
    return len(plan.days) * sum(one.core_seconds for one in seen) / days if days else run_seconds
