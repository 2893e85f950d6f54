"""The commands, one function each; what they print is in ``printing``."""

import getpass
from json import dumps as as_json
from pathlib import Path
from typing import Annotated, Any

import typer

from backfill_assets.command_line import planning, printing
from backfill_assets.command_line.adopt import adopt
from backfill_assets.command_line.as_reported import as_reported
from backfill_assets.command_line.attest import attest
from backfill_assets.command_line.consumers import consume, consumers, replay
from backfill_assets.command_line.differing import diff, history
from backfill_assets.command_line.exposure import exposure
from backfill_assets.command_line.feed import feed
from backfill_assets.command_line.jobs import audit, maintain, reconcile
from backfill_assets.command_line.keeping import purge_landing, restore, retention, scrub
from backfill_assets.command_line.pacing import pace
from backfill_assets.command_line.personal_data import erase, expire_personal_data
from backfill_assets.command_line.preview import preview
from backfill_assets.command_line.readers import months, notices, pages, withdrawals
from backfill_assets.command_line.repair import repair
from backfill_assets.command_line.serve import serve
from backfill_assets.command_line.session import DONE, OTHER, REFUSED, WAITS_FOR_PERSON, Answer, Commands, Json, Session
from backfill_assets.command_line.status import page_of, print_ended, print_statuses, status_json, statuses_json
from backfill_assets.command_line.storage_cost import storage_cost
from backfill_assets.command_line.watermarks import watermarks
from backfill_assets.core.given import days_given, slot_given

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # some are secrets
    help="Large historical corrections of daily tables. [dim]A correction is opened by a request, staged beside live, "
    "validated, approved, cut over by one commit, and can be rolled back for two weeks.[/]",
)

Id = Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Your name, for the ledger and the notice.")]
Signed = Annotated[str, typer.Option("--by", help="Your own name, needed; it goes into the ledger and the notice.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]
File = Annotated[Path, typer.Argument(help="A request, as the README shows.", show_default=False)]


app.command(epilog="Example: backfill-assets reconcile --through 2026-01-22")(reconcile)
app.command(epilog="Example: backfill-assets adopt orders --check --day order_date --key id")(adopt)
app.command(epilog="Example: backfill-assets maintain")(maintain)
app.command(epilog="Example: backfill-assets repair daily_orders, or repair --commit")(repair)
app.command(epilog="Example: backfill-assets serve")(serve)
app.command(epilog="Example: backfill-assets preview correction.yaml, or preview --table orders --markdown")(preview)
app.command(epilog="Example: backfill-assets diff 20260123 --day 2026-01-05 --rows")(diff)
app.command(epilog="Example: backfill-assets history 20260123")(history)
app.command(epilog="Example: backfill-assets exposure 20260123 --csv")(exposure)
app.command("as-reported", epilog="Example: backfill-assets as-reported daily_orders --at 2026-01-15")(as_reported)
app.command("storage-cost", epilog="Example: backfill-assets storage-cost --page")(storage_cost)
app.command(epilog="Example: backfill-assets retention --page")(retention)
app.command(epilog="Example: backfill-assets scrub, or scrub --parts 4 --part 1")(scrub)
app.command(epilog="Example: backfill-assets restore raw_orders --day 2026-01-05 --commit")(restore)
app.command("purge-landing", epilog="Example: backfill-assets purge-landing, or purge-landing --commit")(purge_landing)
app.command(epilog="Example: backfill-assets erase --customer 4711 --reason 'asked by letter' --by Ada")(erase)
app.command("expire-personal-data", epilog="Example: backfill-assets expire-personal-data --before 2025-01-01")(
    expire_personal_data
)
app.command(epilog="Example: backfill-assets attest 20260123 --statement 20260123.json --key key.pem")(attest)
app.command(epilog="Example: backfill-assets consumers --json")(consumers)
app.command(epilog="Example: backfill-assets consume hourly_orders")(consume)
app.command(epilog="Example: backfill-assets feed payments --again")(feed)
app.command(epilog="Example: backfill-assets replay hourly_orders --to 2026-01-17T06:00Z --by Ada")(replay)
app.add_typer(watermarks, name="watermarks")
app.command(epilog="Example: backfill-assets audit --days 5 --seed 1")(audit)
app.command(epilog="Example: backfill-assets months --close 2026-01 --by Ada")(months)
app.command(epilog="Example: backfill-assets notices 20260123 --send")(notices)
app.command(epilog="Example: backfill-assets pace 20260123 --at-once 4, or pace 20260123 --pause")(pace)
app.command(epilog="Example: backfill-assets pages")(pages)
app.command(epilog="Example: backfill-assets withdrawals --accept 2026-01-22 --by Ada")(withdrawals)


@app.command(epilog="Example: backfill-assets nightly --through 2026-01-22")
def nightly(
    through: Annotated[str, typer.Option(help="The last day, ISO.")] = "",
    table: Annotated[str, typer.Option(help="The table; every one of the code location when left out.")] = "",
    json: Json = False,
) -> None:
    """Publish every pending day up to a day (default the newest that is over): its inputs, the table, its reports."""
    from backfill_assets.command_line.work import publish_pending

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        last = slot_given(through, "--through") if through else None
        told = publish_pending(session, last, answer, table)
        answer.give(printing.nightly_json(told), lambda console: printing.print_nightly(console, told))
    every = [one.done for one in told.values()]
    codes = {one.failure.exit_code for done in every for one in done.failures}
    codes |= {OTHER} if any(done.readers_wait for done in every) else set()
    raise typer.Exit(DONE if not codes else codes.pop() if len(codes) == 1 else OTHER)


@app.command(epilog="Example: backfill-assets plan correction.yaml, or plan --built-by 4f1c2a")
def plan(
    file: Annotated[Path | None, typer.Argument(help="A request, as the README shows.", show_default=False)] = None,
    built_by: Annotated[str, typer.Option(help="Propose a request for the days that a code version built.")] = "",
    table: Annotated[str, typer.Option(help="With --built-by, the table; the only one when left out.")] = "",
    stale: Annotated[str, typer.Option(help="Propose a request for the stale days of this table.")] = "",
    json: Json = False,
) -> None:
    """Say what a correction would do, and do nothing."""
    answer = Answer(as_json=json)
    if [file is not None, bool(built_by), bool(stale)].count(True) != 1:
        message = "give either a request, --built-by or --stale"
        raise typer.BadParameter(message)
    with answer.refusals():
        if stale:
            planning.propose_stale(Session(), stale, answer)
        elif file is None:
            planning.propose(Session(), table, built_by, answer)
        else:
            planning.show(Session(), file, answer)


@app.command("open", epilog="Example: backfill-assets open correction.yaml")
def open_(file: File, by: By = "", json: Json = False) -> None:
    """Open a correction and print its id."""
    from backfill_assets.command_line.work import step_context_of
    from backfill_assets.runbook import open_correction
    from backfill_assets.runbook.request import read_request_file

    answer = Answer(as_json=json)
    with answer.refusals():
        request = read_request_file(file)
        opened = open_correction(step_context_of(Session(), request.table, by or _me()), request)
        answer.give({"correction": opened.correction}, lambda _console: typer.echo(opened.correction))


@app.command("request-schema", epilog="Example: backfill-assets request-schema > request.schema.json")
def request_schema(json: Json = False) -> None:
    """Print the JSON schema of a request, by which editors complete and check the file as it is written."""
    from backfill_assets.runbook.request import request_schema as schema_of_requests

    answer = Answer(as_json=json)
    with answer.refusals():
        told = schema_of_requests()
        answer.give(told, lambda _console: typer.echo(as_json(told, indent=2)))


@app.command(epilog="Example: backfill-assets run 20260123")
def run(correction: Id, json: Json = False) -> None:
    """Take a correction forward until it is done or waits. Kill it at any point and run it again."""
    from backfill_assets.command_line.work import drive

    answer = Answer(as_json=json)
    with answer.refusals():
        ended = drive(Session(), correction, answer, _me())
        told = {**printing.next_step_json(correction, ended), "page": page_of(correction)}
        answer.give(told, lambda console: print_ended(console, correction, ended))
    raise typer.Exit(_code(told["waits_for"]))


@app.command(epilog='Example: backfill-assets approve 20260123 --by "Ada" --note "looked at all 90 days"')
def approve(
    correction: Id,
    by: Signed = "",
    note: Note = "",
    override: Annotated[bool, typer.Option("--override", help="Although checks failed; needs a note.")] = False,
    json: Json = False,
) -> None:
    """Approve a validated correction, so that it can be cut over."""
    _by_hand(correction, "approve", {"by": by, "note": note, "override": override}, as_json=json)


@app.command("cut-over", epilog="Example: backfill-assets cut-over 20260123")
def cut_over(correction: Id, json: Json = False) -> None:
    """Cut over now, if the correction is approved; then use run for the rest."""
    from backfill_assets.command_line.work import take_cut_over

    answer = Answer(as_json=json)
    with answer.refusals():
        take_cut_over(Session(), correction, answer, _me())
        told = {"correction": correction, "state": "cut over"}
        answer.give(told, lambda console: console.print(f"Correction {correction} is cut over."))


@app.command("roll-back", epilog="Example: backfill-assets roll-back 20260123 --all --by Ada")
def roll_back(
    correction: Id,
    day: Annotated[
        list[str] | None, typer.Option("--day", help="Only this day, or FIRST..LAST; may be repeated.")
    ] = None,
    all_days: Annotated[bool, typer.Option("--all", help="Every day that the correction has live.")] = False,
    by: Signed = "",
    note: Note = "",
    json: Json = False,
) -> None:
    """Bring the retired days back; days that landed since stay. Reports are rebuilt and the watchers notified."""
    config = {"by": by, "note": note, "days": list(day or ()), "all_days": all_days}
    _by_hand(correction, "roll_back", config, as_json=json, then_drive=True)


@app.command(epilog="Example: backfill-assets abandon 20260123 --by Ada --note 'the analysis was wrong'")
def abandon(correction: Id, by: Signed = "", note: Note = "", json: Json = False) -> None:
    """Abandon a correction: its days are unclaimed and the reports thaw."""
    _by_hand(correction, "abandon", {"by": by, "note": note}, as_json=json, then_drive=True)


@app.command(epilog="Example: backfill-assets decommission 20260123 --now --by Ada")
def decommission(
    correction: Id,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for the end of the rollback window; needs --by.")
    ] = False,
    by: By = "",
    json: Json = False,
) -> None:
    """Delete the retired files, with proof that nothing needs them. There is no way back after it."""
    _by_hand(correction, "decommission", {"by": by, "now": now}, as_json=json)


@app.command(epilog="Example: backfill-assets status 20260123")
def status(correction: Annotated[str, typer.Argument(help="All when left out.")] = "", json: Json = False) -> None:
    """Show where one correction stands, or all."""
    from backfill_assets.command_line.work import standings_of

    answer = Answer(as_json=json)
    with answer.refusals():
        found = standings_of(Session(), correction)
        told = status_json(found[0]) if correction else statuses_json(found)
        answer.give(told, lambda console: print_statuses(console, found, whole=bool(correction)))


def _by_hand(correction: str, job: str, config: dict[str, Any], *, as_json: bool, then_drive: bool = False) -> None:
    from backfill_assets.command_line.work import decide, drive, standings_of

    answer = Answer(as_json=as_json)
    waits_for = ""
    with answer.refusals():
        days_given(config.get("days", ()), "--day")
        session = Session()
        decide(session, correction, job, config)
        if then_drive:
            ended = drive(session, correction, answer, config["by"])
            waits_for = printing.next_step_json(correction, ended)["waits_for"]
        told = status_json(standings_of(session, correction)[0])
        answer.give(told, lambda console: console.print(told["sentence"]))
    raise typer.Exit(REFUSED if waits_for == "repair" else DONE)


def _code(waits_for: str) -> int:
    return {"person": WAITS_FOR_PERSON, "repair": REFUSED}.get(waits_for, DONE)


def _me() -> str:
    return getpass.getuser()
