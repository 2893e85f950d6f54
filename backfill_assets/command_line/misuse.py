"""Commands that are called with words they do not take: told like every other refusal, as JSON where that is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from backfill_assets.command_line.session import tell_refusal
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.given import CommandMisused

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
