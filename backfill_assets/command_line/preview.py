"""The command ``preview``: what a request, or the code as it is now, would change, from a few slots."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from backfill_assets.command_line.session import DONE, FOUND, Answer, Json, Session
from backfill_assets.core.given import slot_given
from backfill_assets.core.slots import Slot

if TYPE_CHECKING:
    from backfill_assets.core.preview import Preview
    from backfill_assets.orchestration.asset.table_definition import TableDefinition
    from backfill_assets.runbook import StepContext
    from backfill_assets.runbook.previewing import Asked
    from backfill_assets.runbook.stale_readers import StaleReader

WRONG = "These {noun}s are computed otherwise by the code as it is now, because …"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The argument and the options of the command, as Typer reads them."""

    file: Annotated[Path | None, typer.Argument(help="A request, as the README shows.", show_default=False)] = None
    table: Annotated[str, typer.Option(help="Without a request, the table; the only one when left out.")] = ""
    first: Annotated[str, typer.Option(help="Without a request, the first day to look at, ISO.")] = ""
    last: Annotated[str, typer.Option(help="Without a request, the last one.")] = ""
    days: Annotated[int, typer.Option(min=1, help="How many to compute, drawn so that large effects are likelier.")] = 5
    seed: Annotated[int, typer.Option(help="Draws the same days for the same number.")] = 0
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the comment for a pull request.")] = False
    fail_if_changed: Annotated[
        bool, typer.Option("--fail-if-changed", help="End with 5 when a computed day differs from live.")
    ] = False
    json: Json = False

    @property
    def ends(self) -> list[Slot | None]:
        """The first and the last slot, where they are given."""
        texts = {"--first": self.first, "--last": self.last}
        return [slot_given(text, option) if text else None for option, text in texts.items()]

    @property
    def drawing(self) -> dict[str, Any]:
        """How many to draw, and by which seed."""
        return {"count": self.days, "seed": str(self.seed)}


def preview(**given: Any) -> None:
    """Compute a few days in memory and estimate what a correction, or the code as it is now, would change."""
    from backfill_assets.command_line.preview_text import as_markdown, print_preview

    wanted = Wanted(**given)
    answer = Answer(as_json=wanted.json)
    if wanted.file is not None and (wanted.table or wanted.first or wanted.last):
        message = "give either a request, or --table with --first and --last"
        raise typer.BadParameter(message)
    with answer.refusals():
        ends, session = wanted.ends, Session()
        of_code = wanted.file is None
        found, fields = _of_code(session, wanted, ends) if of_code else _of_request(session, wanted)
        request, stale = _request(found, fields), _stale(session, found)
        if wanted.markdown and not wanted.json:
            typer.echo(as_markdown(found, request, stale, of_code=of_code))
        else:
            told = {**found.as_json(), "stale": [one.as_json() for one in stale], "request": request}
            answer.give(told, lambda console: print_preview(console, found, request, stale))
    raise typer.Exit(FOUND if wanted.fail_if_changed and found.changed else DONE)


preview.__signature__ = inspect.signature(Wanted).replace(return_annotation=None)  # type: ignore[attr-defined]
preview.__annotations__ = get_type_hints(Wanted, include_extras=True)


def _of_request(session: Session, wanted: Wanted) -> tuple["Preview", dict[str, Any]]:
    """What a request would do, and its fields as they stand in the file."""
    from backfill_assets.command_line.work import definition_of
    from backfill_assets.runbook.opening import drafted
    from backfill_assets.runbook.previewing import Asked
    from backfill_assets.runbook.request import read_request_file
    from backfill_assets.runbook.strict_yaml import read_document, text_of

    file = wanted.file or Path()
    request = read_request_file(file)
    definition = definition_of(session, request.table)
    ctx = definition.step_context(session.lake, "preview")
    plan = drafted(ctx, request)
    asked = Asked(plan.days, **wanted.drawing, expectation=plan.request.expectation, policy=plan.request.waves)
    return _previewed(session, definition, ctx, asked), {**read_document(text_of(file), str(file)).content}


def _of_code(session: Session, wanted: Wanted, ends: Sequence[Slot | None]) -> tuple["Preview", dict[str, Any]]:
    """What the code as it is now would make of history, and the fields of a request for that."""
    from backfill_assets.command_line.planning import only_step_context
    from backfill_assets.command_line.work import definition_of
    from backfill_assets.runbook.previewing import Asked, live_slots

    ctx = only_step_context(session, wanted.table, "preview")
    slots = live_slots(ctx, *ends)
    found = _previewed(session, definition_of(session, ctx.table.name), ctx, Asked(slots, **wanted.drawing))
    window = {"first": found.window.first, "last": found.window.last}
    reason = WRONG.format(noun=found.window.grain.value)
    return found, {"table": found.table, "window": window, "reason": reason, "watchers": [], "approval": "manual"}


def _previewed(session: Session, definition: "TableDefinition", ctx: "StepContext", asked: "Asked") -> "Preview":
    from backfill_assets.orchestration.asset.scratch import scratch_of
    from backfill_assets.runbook.previewing import preview as of_some

    with scratch_of(definition.compute_spec, ctx.records, session.definitions.resources or {}) as scratch:
        return of_some(ctx, scratch, asked)


def _stale(session: Session, found: "Preview") -> list["StaleReader"]:
    """What of other tables is computed from what would be replaced."""
    from backfill_assets.command_line.work import step_context_of
    from backfill_assets.runbook.stale_readers import will_be_stale

    changed = found.window.days if not found.is_whole else [one.slot for one in found.changed]
    return will_be_stale(step_context_of(session, found.table), changed) if found.changed else []


def _request(found: "Preview", fields: dict[str, Any]) -> str:
    """The request with the limits filled in that it does not name itself; empty where nothing changes."""
    from backfill_assets.command_line.preview_text import counted_drawn
    from backfill_assets.runbook.request import request_text

    if not found.changed:
        return ""
    declared = fields.get("expect") or {}
    head = f"# The limits that were missing are twice what {counted_drawn(found)} showed."
    order = [name for name in fields if name not in {"expect", "approval"}]
    ordered = {name: fields[name] for name in order}
    approval = {"approval": fields["approval"]} if "approval" in fields else {}
    return request_text(head, {**ordered, "expect": {**found.limits, **declared}, **approval}).rstrip()
