"""Looks at published days, each kept with its time: a check tells of the last one, and does not pass without one."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets.errors.runs import FoundWrong, NothingLookedAt
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

OLDEST = timedelta(days=3)
"""Looks are taken every day: one that is older means that something keeps them from being taken."""


@dataclass(frozen=True)
class Looks:
    """All looks of one kind, in ``_control/<kind>``; ``column`` holds what each found, as JSON."""

    kind: str
    column: str

    def keep(self, lake: Lake, table: str, at: datetime, told: Mapping[str, Any]) -> None:
        """Write one down."""
        row = pl.DataFrame([{"table": table, "at": at, self.column: json.dumps(dict(told))}], schema=self._schema)
        self._rows(lake).append(lambda _: row)

    def last(self, lake: Lake, table: str) -> tuple[datetime, Mapping[str, Any]] | None:
        """When the last one was taken, and what it found; None when there was none."""
        rows = self._rows(lake).rows().filter(pl.col("table") == table)
        return (rows["at"][-1], json.loads(rows[self.column][-1])) if rows.height else None

    @property
    def _schema(self) -> pl.Schema:
        return pl.Schema({"table": pl.String(), "at": pl.Datetime("us", "UTC"), self.column: pl.String()})

    def _rows(self, lake: Lake) -> ControlTable:
        return ControlTable(lake, self.kind, self._schema)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says: ``sound`` when all is well, ``wrong`` when published days are, else nothing is known."""

    sentence: str
    sound: bool = False
    wrong: bool = False
    requests: tuple[str, ...] = ()

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """An error where published days are wrong, a warning where nobody can tell."""
        return dg.AssetCheckSeverity.ERROR if self.wrong or self.sound else dg.AssetCheckSeverity.WARN

    def aged(self, at: datetime, now: datetime) -> "Verdict":
        """The verdict of a look taken then: an old one that was sound is no verdict any more."""
        if now - at <= OLDEST:
            return self
        told = f"The last look was on {at:%Y-%m-%d}, and it is looked every day. {self.sentence}"
        return Verdict(told, wrong=self.wrong, requests=self.requests)

    def as_json(self) -> dict[str, Any]:
        """What the op after the look is told."""
        return {"sentence": self.sentence, "wrong": self.wrong, "requests": list(self.requests)}

    def metadata(self) -> dict[str, dg.MetadataValue]:
        """Links to the proposed requests."""
        named = {"request" if n == 1 else f"request_{n}": one for n, one in enumerate(self.requests, 1)}
        return {name: dg.MetadataValue.path(one) for name, one in named.items()}


def verdict_op(name: str, table: str) -> dg.OpDefinition:
    """The op after a look: its run fails, for everybody to see, when published days are wrong or none was met."""

    @dg.op(name=f"{name}_verdict", ins={"told": dg.In(dict)})
    def verdict(context: dg.OpExecutionContext, told: dict[str, Any]) -> None:
        with _told_as_failure(context, told["requests"]):
            if told["wrong"]:
                raise FoundWrong(told["sentence"], told["requests"])
            if not told["met"]:
                raise NothingLookedAt(table)
        context.log.info(told["sentence"])

    return verdict


@contextmanager
def _told_as_failure(context: dg.OpExecutionContext, requests: Collection[str]) -> Iterator[None]:
    """A red line in the log, and a failure that links what to open; trying it again would find the same."""
    try:
        yield
    except (FoundWrong, NothingLookedAt) as error:
        context.log.error("%s", error)  # noqa: TRY400 - it is news, not a fault of this code
        links = Verdict("", requests=tuple(requests)).metadata()
        raise dg.Failure(str(error), metadata=links, allow_retries=False) from error
