"""Sentences about the slots of a table call them what they are: of a table by hour or month nothing speaks of days.

A correction is taken from its opening to a part rolled back, and everything that people read of it is looked through;
so is all that the builder describes, and what is told of looks at published slots.
The next place that speaks is one line of ``SAID``, the next phrase that is right of days one of ``RIGHT_OF_DAYS``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from inspect import Parameter, signature
from io import StringIO
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args, get_origin

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from backfill_assets import LakeResource, errors
from backfill_assets.command_line.jobs import _print_audit, _print_findings
from backfill_assets.command_line.planning import print_waves
from backfill_assets.command_line.printing import print_nightly, print_plan
from backfill_assets.command_line.status import print_statuses
from backfill_assets.command_line.work import Published
from backfill_assets.core.audited import Audited, Verdict
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.facts import summary_of
from backfill_assets.core.next_step import StageWaves, next_step
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.jobs import nightlies_in, nightly_metadata, warnings_of
from backfill_assets.orchestration.nightly.publish import Nightly, NightlyRun
from backfill_assets.pages.publishing import page_path
from backfill_assets.runbook import approve, open_correction, roll_back
from backfill_assets.runbook.request import read_request_file
from backfill_assets.runbook.standing import Standing
from backfill_assets.storage.records import Records
from backfill_assets.watch import LedgerSpec, Reconciled, against, audit, freshness, reconcile
from tests.kinds import test_own_columns
from tests.kinds.test_own_columns import KINDS, NOW, location, plant

lake = test_own_columns.lake

GRAINS = ("hours as timestamps", "weeks as dates", "months as dates")
# What is of days whatever the table is of.
RIGHT_OF_DAYS = ("rollback_days", "it is looked every day", "Days; never shorter than the rollback window")
FORBIDDEN = re.compile(r"\bdays?\b", re.IGNORECASE)


STATED = [0]
"""What the ledger has of each slot; nothing where it is 0."""
LEDGER = LedgerSpec(measure="revenue", name="the till")


def till(records: Records, window: Window) -> pl.DataFrame:
    """Figures of each published slot but the first."""
    column = records.partition_of("orders")
    slots = window.days[1:] if STATED[0] else ()
    return column.values(slots).to_frame().with_columns(revenue=pl.lit(STATED[0], pl.Int64))


@dataclass(frozen=True)
class Told:
    """A correction that people have read about."""

    definition: TableDefinition
    lake: LakeResource
    plan: Plan
    published: Nightly
    defs: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def grain(self) -> Grain:
        return self.plan.window.grain

    @property
    def statuses(self) -> list[Standing]:
        ctx = self.definition.step_context(self.lake, "Ada")
        return [
            Standing(progress, tuple(ctx.records.ledger.events(name)), next_step(progress, NOW))
            for name, progress in ctx.records.ledger.all_progress().items()
        ]


def printed(say: Callable[[Console], None]) -> Iterator[str]:
    text = StringIO()
    say(Console(file=text, width=400))
    yield from text.getvalue().splitlines()


def facts(told: Told) -> Iterator[str]:
    for event in told.lake.records().ledger.events(told.plan.correction):
        yield summary_of(event.fact, told.plan.window.grain)


def checks(told: Told) -> Iterator[str]:
    for one in told.statuses:
        for event in one.events:
            yield from (check.sentence for check in getattr(event.fact, "checks", ()))


def next_sentence(told: Told) -> Iterator[str]:
    yield sentence_of(told.plan.correction, StageWaves((told.plan.window,), 1))


def notices(told: Told) -> Iterator[str]:
    for one in told.lake.records().outbox.deliveries():
        yield from f"{one.notice.subject}\n{one.notice.body}".splitlines()


def page(told: Told) -> Iterator[str]:
    for one in told.statuses:
        html = page_path(published_root(), one.progress.plan.correction).read_text("utf-8")
        yield from re.split(r"<[^>]+>", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


def late(told: Told) -> Nightly:
    """A nightly that left nothing out of what it can say."""
    one, two, *_ = told.published.published
    return Nightly((one, two), (one, two), {}, (one, two), (one,), ("report",))


def descriptions(told: Told) -> Iterator[str]:
    """All that the builder's definitions are described by, field by field of what can be configured."""
    repository = told.defs.get_repository_def()
    for asset in told.defs.assets or ():
        yield from (spec.description or "" for spec in getattr(asset, "specs", ()))
        yield from (spec.description or "" for spec in getattr(asset, "check_specs", ()))
        yield from fields_of(asset.op) if getattr(asset, "is_executable", False) else ()
    for check in told.defs.asset_checks or ():
        yield from (spec.description or "" for spec in check.check_specs)
    for job in told.defs.jobs or ():
        yield job.description or ""
        for node in getattr(job, "nodes", ()):
            yield from fields_of(node.definition)
    yield from (schedule.description or "" for schedule in repository.schedule_defs)
    yield from (sensor.description or "" for sensor in repository.sensor_defs)


def fields_of(op: dg.OpDefinition) -> Iterator[str]:
    yield op.description or ""
    yield from described(op.config_schema.config_type)


def described(kind: Any) -> Iterator[str]:
    yield getattr(kind, "description", None) or ""
    for field in getattr(kind, "fields", {}).values():
        yield field.description or ""
        yield from described(field.config_type)


def metadata(told: Told) -> Iterator[str]:
    """The text of all that runs told Dagster of assets and checks, tables of Markdown included."""
    for asset in told.instance.get_asset_keys():
        for record in told.instance.fetch_materializations(asset, 500).records:
            for value in record.asset_materialization.metadata.values():
                yield from words(value)
    for record in told.instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION)):
        evaluated = record.event_log_entry.dagster_event.asset_check_evaluation_data
        yield evaluated.description or ""
        for value in evaluated.metadata.values():
            yield from words(value)


def words(value: dg.MetadataValue) -> Iterator[str]:
    if isinstance(value, dg.TextMetadataValue | dg.MarkdownMetadataValue):
        yield from str(value.value).splitlines()


def looks(told: Told) -> Iterator[str]:
    """What every check on the live asset says, before and after anything was looked at."""
    for check in told.defs.asset_checks or ():
        if told.definition.asset.key in {key.asset_key for key in check.check_keys}:
            (name,) = (key.name for key in check.check_keys)
            job = dg.define_asset_job(f"only_{name}", selection=dg.AssetSelection.checks(*check.check_keys))
            defs = dg.Definitions.merge(told.defs, dg.Definitions(jobs=[job], executor=dg.in_process_executor))
            ran = defs.resolve_job_def(job.name).execute_in_process(instance=told.instance, raise_on_error=False)
            for one in ran.get_asset_check_evaluations():
                yield one.description or ""
                for value in one.metadata.values():
                    yield from words(value)


def audited(told: Told) -> Iterator[str]:
    ran = Runner(told.defs, told.instance).run_op("orders__audit", "orders__audit_days", {"days": 3, "seed": "a"})
    assert ran.output is not None, ran.errors
    yield from printed(lambda console: _print_audit(console, ran.output))
    proposed = read_request_file(Path(ran.output["request"]))
    assert proposed.window.first in set(told.published.published)
    yield Path(ran.output["request"]).read_text("utf-8")
    yield from (found["sentence"] for found in ran.output["findings"])
    yield from (Audited(told.plan.window.first, verdict, "v1", "1 row", 1, told.grain).sentence for verdict in Verdict)


def reconciled(told: Told) -> Iterator[str]:
    """What a reconciliation says that compares nothing, that agrees, and that finds something."""
    yield Reconciled("orders", told.plan.window.last, 3, (), compared=3).sentence_in(told.grain)
    for stated in (0, 200):
        STATED[0] = stated
        ran = Runner(told.defs, told.instance).run_op("orders__reconcile", "orders__reconcile_ledger", {"through": ""})
        assert ran.output is not None, ran.errors
        yield from printed(lambda console, ran=ran: _print_findings(console, ran.output))
        yield ran.output["sentence"]
        requests = [found["request"] for found in ran.output["findings"] if found["request"]]
        assert bool(requests) is bool(stated)
        yield from (Path(request).read_text("utf-8") for request in requests)


SAID: dict[str, Callable[[Told], Iterator[str]]] = {
    "summaries of facts": facts,
    "checks": checks,
    "next step": next_sentence,
    "plan": lambda told: printed(lambda console: print_plan(console, told.plan)),
    "waves": lambda told: printed(lambda console: print_waves(console, told.plan)),
    "status of all": lambda told: printed(lambda console: print_statuses(console, told.statuses, whole=False)),
    "status": lambda told: printed(lambda console: print_statuses(console, told.statuses, whole=True)),
    "nightly": lambda told: printed(
        lambda console: print_nightly(console, {"orders": Published(told.published, told.plan.window.grain)})
    ),
    "notices": notices,
    "page": page,
    "descriptions": descriptions,
    "looks before any": looks,
    "audit": audited,
    "reconciliation": reconciled,
    "looks": looks,
    "metadata": metadata,
    "warnings of nightly": lambda told: iter(warnings_of(late(told), "orders", told.grain)),
    "metadata of nightly": lambda told: (
        word for value in nightly_metadata(late(told), told.grain).values() for word in words(value)
    ),
}


@pytest.mark.dagster
@pytest.mark.parametrize("name", GRAINS)
def test_nothing_that_people_read_calls_other_slots_days(name: str, lake: LakeResource) -> None:
    defs = location(KINDS[name], audit(), freshness(), reconcile(against(LEDGER, till)))
    (definition,) = tables_in(defs).values()
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        published = NightlyRun(nightlies_in(defs)["orders"], runner, lake).publish()
        slots = published.published
        window = Window(slots[1], slots[6], definition.slots.grain)
        plant(lake, definition, Window(slots[2], slots[5], definition.slots.grain))
        ctx = definition.step_context(lake, "Ada")
        expected = Expectation(columns=("revenue",), same_rows=True, max_change_per_day=Decimal(1), sign="down")
        plan = open_correction(ctx, Request("orders", window, "One too much.", expectation=expected))
        driver = Driver(definition, runner, lake, "Ada", lambda _step, _ctx: None)
        driver.drive(plan.correction)
        approve(definition.step_context(lake, "Grace"), plan.correction, "compared")
        driver.drive(plan.correction)
        roll_back(definition.step_context(lake, "Grace"), plan.correction, slots[2:4])
        driver.drive(plan.correction)
        told = Told(definition, lake, plan, published, defs, instance)
        assert definition.refresh_outputs(lake.records()) == []
        for where, said in SAID.items():
            sentences = [*said(told)]
            assert any(sentences), where
            wrong = [one for one in sentences if FORBIDDEN.search(_without_what_is_right(one))]
            assert wrong == [], where


def _without_what_is_right(sentence: str) -> str:
    for phrase in RIGHT_OF_DAYS:
        sentence = sentence.replace(phrase, "")
    return sentence


def _is_told_the_noun(error: type[BackfillAssetsError]) -> bool:
    return "noun" in getattr(error.__init__, "__annotations__", {})


def errors_of_slots(
    wanted: Callable[[type[BackfillAssetsError]], bool] = _is_told_the_noun,
) -> dict[str, type[BackfillAssetsError]]:
    """Every refusal that is told what the slots of its table are called."""
    modules = [import_module(f"{errors.__name__}.{module.name}") for module in iter_modules(errors.__path__)]
    known = {name: one for module in modules for name, one in vars(module).items() if isinstance(one, type)}
    refusals = {name: one for name, one in known.items() if issubclass(one, BackfillAssetsError)}
    return {name: one for name, one in refusals.items() if "__init__" in vars(one) and wanted(one)}


LANDED_BY_DAY = {"MissingDays"}
"""What is said of the files of days, which land by day."""


def errors_of_dates() -> set[str]:
    """Every refusal that is given slots of a table."""
    of_slots = re.compile(r"Collection\[(datetime\.)?date\]")
    every = errors_of_slots(wanted=lambda one: of_slots.search(str(signature(one))) is not None)
    return {name for name, one in every.items() if FORBIDDEN.search(str(one(**told_by(one))))}


def test_every_refusal_of_slots_is_told_what_they_are_called() -> None:
    assert errors_of_dates() - {*errors_of_slots()} == LANDED_BY_DAY


def told_by(error: type[BackfillAssetsError]) -> dict[str, Any]:
    """Something to tell a refusal by."""
    return {one.name: told_of(one) for one in signature(error).parameters.values()}


def told_of(parameter: Parameter) -> Any:
    """Something that a refusal can be told by a parameter."""
    weeks = [date(2026, 1, 5), date(2026, 1, 12)]
    by_name = {"noun": "week", "problems": {"a file is gone": weeks}, "reasons": dict.fromkeys(weeks, "E")}
    by_kind = {
        str: "one",
        int: 2,
        float: 2.5,
        date: weeks[0],
        datetime: NOW,
        bool: True,
        object: "2026-01-05..2026-01-12",
    }
    if parameter.name in by_name or parameter.annotation in by_kind:
        return by_name.get(parameter.name, by_kind.get(parameter.annotation))
    kind, of = get_origin(parameter.annotation), get_args(parameter.annotation)
    if kind is Mapping:
        return {"one": 2}
    return weeks if of and of[0] is date else ["one", "two"]


@pytest.mark.parametrize("name", errors_of_slots())
def test_a_refusal_calls_slots_what_they_are(name: str) -> None:
    error = errors_of_slots()[name]
    sentence = str(error(**told_by(error)))

    assert not FORBIDDEN.search(sentence.replace("--day", "")), sentence
    assert re.search(r"\bweeks?\b", sentence), sentence
