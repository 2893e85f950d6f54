"""One call of the command: its Dagster instance, its driver, and how it answers."""

import getpass
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from backfill_assets.command_line.code_location import load_code_location, refuse_unrunnable, warn_of_checks
from backfill_assets.command_line.garbage import look_as_before
from backfill_assets.core.plain import visible
from backfill_assets.errors.answers import is_of_a_store
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.code_location import LakeMissing, NoTableCorrectable
from backfill_assets.errors.correction import RunFailed
from backfill_assets.errors.failure import known_as
from backfill_assets.errors.given import CommandMisused, PlaceUnusable, StoragesUnknown
from backfill_assets.storage import syncing

# Bad input ends with the exit code of its own error, 2.
DONE, OTHER, WAITS_FOR_PERSON, REFUSED, FOUND = 0, 1, 3, 4, 5
# Where the storages of a home that an earlier version prepared were, and where they are now.
STORAGES_BEFORE = "backfill_assets.orchestration.sqlite_storages"
STORAGES = "backfill_assets.orchestration.instance.sqlite_storages"
# Whose SQLite storages a new home is given: Dagster's own, or ours, which reach into its private parts.
STORAGES_CHOSEN = "BACKFILL_STORAGES"
# What Dagster's records in PostgreSQL take.
POSTGRES = "dagster_postgres"
CONFIGURATION = {"dagster": ("dagster.yaml",), "reusing": ("dagster.yaml", "storages.yaml")}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def prepare_home() -> Path:
    """Make ``DAGSTER_HOME`` (default ``data/dagster_home``) and put the instance's configuration into it.

    Raises:
        PlaceUnusable: when no folder can be there.
        StoragesUnknown: when the environment asks for storages that there are not.
        SwitchUnknown: when the environment says neither that things are forced to disk nor that they are not.
    """
    syncing.is_on()
    chosen = os.environ.get(STORAGES_CHOSEN) or "dagster"
    if chosen not in CONFIGURATION:
        raise StoragesUnknown(STORAGES_CHOSEN, chosen, CONFIGURATION)
    home = Path(os.environ.get("DAGSTER_HOME") or "data/dagster_home").absolute()
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        home.mkdir(parents=True, exist_ok=True)
        _configure(home / "dagster.yaml", CONFIGURATION[chosen])
    except OSError as error:
        raise PlaceUnusable("DAGSTER_HOME", str(home), in_words(error)) from error
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _configure(config: Path, parts: Collection[str]) -> None:
    """Write a new home's configuration from its parts; in one of an earlier version say where its storages are now."""
    if not config.exists():
        ours = files("backfill_assets.orchestration.instance")
        config.write_text("\n".join((ours / part).read_text("utf-8") for part in parts), encoding="utf-8")
    elif STORAGES_BEFORE in (text := config.read_text(encoding="utf-8")):
        config.write_text(text.replace(STORAGES_BEFORE, STORAGES), encoding="utf-8")


def refuse_unusable_places() -> None:
    """Refuse folders of the environment that cannot be folders; one that is not there yet is made when it is needed.

    Raises:
        PlaceUnusable: naming the first whose path, or a part of it, is a file.
    """
    for variable in ("BACKFILL_LAKE", "BACKFILL_LANDING", "BACKFILL_PUBLISHED"):
        named = os.environ.get(variable, "")
        if not named or "://" in named:
            continue
        path = Path(named).absolute()
        if in_the_way := [part for part in (path, *path.parents) if part.exists() and not part.is_dir()]:
            raise PlaceUnusable(variable, named, f"{in_the_way[0]} is a file")


def in_words(error: OSError) -> str:
    """What the operating system says is wrong, as the end of a sentence."""
    return (error.strerror or type(error).__name__).lower()


def plain_console(*, stderr: bool) -> Console:
    """A console that prints what people wrote as they wrote it, square brackets too."""
    return PlainConsole(stderr=stderr, markup=False, highlight=False)


class PlainConsole(Console):
    """A console to which text is text: what would steer a terminal, or turn the direction of writing, is left out."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it is printed."""
        return super().render_str("\n".join(map(visible, text.split("\n"))), **options)


class Answer:
    """How a command answers: one JSON object on standard output, or text for a person."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = plain_console(stderr=as_json)

    def give(self, told: Mapping[str, Any], text: Callable[[Console], None]) -> None:
        """Answer with the object, or with the text."""
        if self.as_json:
            typer.echo(json.dumps(told, default=str))
        else:
            text(self.console)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal into its sentences and its exit code."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, BackfillAssetsError) and not is_of_a_store(error):
                raise
            refusal = known_as(error, "The command")
            tell_refusal(refusal, as_json=self.as_json)
            raise typer.Exit(refusal.exit_code) from error


def tell_refusal(error: BackfillAssetsError, *, as_json: bool) -> None:
    """Print a refusal: one JSON object on standard output, or its sentences for a person."""
    if as_json:
        typer.echo(json.dumps({"error": type(error).__name__, "message": str(error)}))
        return
    named = (type(error).__name__, "bold red")
    plain_console(stderr=True).print(Text.assemble(named, " ", visible(error)), soft_wrap=True)


def instance_of_home() -> Any:
    """Dagster's instance that ``DAGSTER_HOME`` configures.

    Raises:
        ExtraMissing: when its records are in PostgreSQL, and nothing is there that speaks with it.
    """
    import dagster as dg
    from dagster._check import CheckError

    from backfill_assets.errors.setup import ExtraMissing

    try:
        return dg.DagsterInstance.get()
    except CheckError as error:
        cause = error.__context__
        if isinstance(cause, ModuleNotFoundError) and cause.name == POSTGRES:
            raise ExtraMissing("Dagster's storage", POSTGRES, "postgres") from error
        raise


class Session:
    """Definitions, instance and driver, loaded when they are first needed."""

    def __init__(self) -> None:
        refuse_unusable_places()
        prepare_home()

    @property
    def named(self) -> str:
        """The code location that the environment names."""
        return os.environ.get("BACKFILL_DEFINITIONS", "")

    @cached_property
    def definitions(self) -> Any:
        """The definitions of the code location that ``BACKFILL_DEFINITIONS`` names, or of the example's."""
        definitions = load_code_location(self.named)
        look_as_before()
        return definitions

    @cached_property
    def tables(self) -> Any:
        """The tables in the definitions, by table.

        Raises:
            NoTableCorrectable: when there is none.
        """
        from backfill_assets.orchestration.asset.table_definition import tables_in

        if not (found := tables_in(self.definitions)):
            raise NoTableCorrectable
        warn_of_checks(self.definitions, found)
        return found

    @cached_property
    def runner(self) -> Any:
        """Runs assets in this process.

        Raises:
            ResourceMissing, DefinitionsFailed: when Dagster could make no runs of the definitions.
            ExtraMissing: when Dagster's records are in PostgreSQL, and nothing is there that speaks with it.
        """
        from backfill_assets.orchestration.instance.runner import Runner

        refuse_unrunnable(self.definitions, self.named)
        return Runner(self.definitions, instance_of_home(), {"user": getpass.getuser()})

    def output_of(self, job: str, op: str, config: Mapping[str, Any]) -> Any:
        """What one op of a job returns that is run in this process, also when another op of it fails.

        Raises:
            RunFailed: when it returned nothing; or the refusal that it ended with.
        """
        ran = self.runner.run_op(job, op, config)
        if ran.output is None:
            raise ran.refusal or RunFailed(job, ran.errors)
        return ran.output

    @cached_property
    def lake(self) -> Any:
        """The lake as a resource.

        Raises:
            LakeMissing: when the code location has none.
        """
        from backfill_assets.orchestration.instance.resources import LakeResource

        resources = self.definitions.resources or {}
        if not isinstance(lake := resources.get("lake"), LakeResource):
            found = f"a {type(lake).__name__}" if lake is not None else ""
            raise LakeMissing(found, resources)
        return lake


WORDS = "backfill_assets.words"
MISUSED: type[Exception] = typer.BadParameter.__base__  # type: ignore[assignment]  # click.UsageError, which typer hides


class Commands(TyperGroup):
    """The commands, whose misuse is told in three sentences and ends with 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the words of the call apart."""
        ctx.meta[WORDS] = tuple(args)
        with _told(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Call the command."""
        with _told(ctx):
            return super().invoke(ctx)


@contextmanager
def _told(ctx: Any) -> Iterator[None]:
    try:
        yield
    except (MISUSED, BackfillAssetsError) as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        refusal = error if isinstance(error, BackfillAssetsError) else _misused(error, ctx)
        tell_refusal(refusal, as_json="--json" in ctx.meta[WORDS])
        raise typer.Exit(refusal.exit_code) from error


def _misused(error: Any, ctx: Any) -> CommandMisused:
    why = error.format_message().replace(": ", ", ").replace("\n", " ").strip()
    told = why if why.endswith((".", "?")) else f"{why}."
    return CommandMisused(told, (error.ctx or ctx).command_path)
