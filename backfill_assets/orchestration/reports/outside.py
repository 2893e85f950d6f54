"""Reports that something outside keeps, such as a dashboard of a BI tool: frozen by not being refreshed."""

import inspect
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import dataclass
from threading import Thread
from typing import Any

import dagster as dg

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.runs import RefreshHanging
from backfill_assets.errors.setup import ArgumentUnusable

MINUTES = 30


@dataclass(frozen=True)
class OutsideReport:
    """A report that something outside keeps: it stays as it is while it is not refreshed, and one call rebuilds it.

    Args:
        refresh: the function that has it refreshed and returns when it is, or raises; or an asset without partitions
            that does. A function takes nothing, or Dagster's ``context``.
        name: its asset key; that of the function or asset when not given.
        minutes: how long the function may take.
    """

    refresh: Callable[..., object] | dg.AssetsDefinition
    name: str = ""
    minutes: float = MINUTES

    @property
    def told_name(self) -> str:
        """What it is called, as far as it can be told."""
        return self.name or str(getattr(self.refresh, "__name__", ""))

    def asset(self, table: dg.AssetKey, reports: Collection[dg.AssetKey]) -> dg.AssetsDefinition:
        """The asset that refreshes it, after the table and all of its reports."""
        if isinstance(self.refresh, dg.AssetsDefinition):
            return self.refresh
        refresh, takes_context = self.refresh, bool(inspect.signature(self.refresh).parameters)

        @dg.asset(
            key=dg.AssetKey.from_user_string(self.told_name),
            deps=[table, *sorted(reports)],
            description=inspect.getdoc(refresh) or "Has a report refreshed that something outside keeps.",
            kinds={"report"},
        )
        def refreshed(context: dg.AssetExecutionContext) -> None:
            within(self.minutes, self.told_name, lambda: refresh(context) if takes_context else refresh())

        return refreshed


def refuse_outside(table: str, given: OutsideReport) -> None:
    """Refuse an outside report that could never be refreshed.

    Raises:
        ArgumentUnusable: saying what is wrong with it.
    """
    fault = _fault(given)
    if fault:
        instead = "Give OutsideReport a function of no parameters or an asset without partitions, a name and minutes."
        raise ArgumentUnusable(table, "reports", f"an OutsideReport whose {fault},", instead)


def _fault(given: OutsideReport) -> str:
    refresh, is_number = given.refresh, isinstance(given.minutes, int | float) and not isinstance(given.minutes, bool)
    if not is_number or given.minutes <= 0:
        return f"minutes are {given.minutes!r}"
    if isinstance(refresh, dg.AssetsDefinition):
        has_partitions = any(spec.partitions_def for spec in refresh.specs)
        return "asset has partitions" if has_partitions else "asset has a name already" if given.name else ""
    if not callable(refresh):
        return "refresh is no function"
    if not given.told_name.replace("/", "_").replace("-", "_").isidentifier():
        return "name is no key of an asset"
    needed = [one for one in inspect.signature(refresh).parameters.values() if one.default is one.empty]
    return "function takes more than a context" if [one.name for one in needed] not in ([], ["context"]) else ""


def within(minutes: float, name: str, call: Callable[[], object]) -> None:
    """Call a function that may take so long; what takes longer is left to itself.

    Raises:
        RefreshHanging: when it has not returned by then.
    """
    ended: Future[object] = Future()

    def run() -> None:
        try:
            ended.set_result(call())
        except FAULTS as error:
            ended.set_exception(error)

    Thread(target=copy_context().run, args=(run,), name=f"refresh of {name}", daemon=True).start()
    if not wait([ended], minutes * 60).done:
        raise RefreshHanging(name, minutes)
    ended.result()


def assets_of(
    table: dg.AssetKey, reports: Sequence[Any]
) -> tuple[list[dg.AssetsDefinition], list[dg.AssetsDefinition], frozenset[dg.AssetKey]]:
    """The assets of reports, those of them that are made here, and the keys of those that are kept outside."""
    given = [one for one in reports if not isinstance(one, OutsideReport)]
    read = [key for one in given for key in one.keys]
    outside = [(one, one.asset(table, read)) for one in reports if isinstance(one, OutsideReport)]
    made = [asset for one, asset in outside if asset is not one.refresh]
    whole = frozenset(key for _, asset in outside for key in asset.keys)
    return [*given, *(asset for _, asset in outside)], made, whole
