"""A utility whose owners are personal data: a landing and a lake below one folder, keys, and what is asked of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.forgetting import Forgotten
from backfill_assets.runbook.forgetting import Signed, erase, expire
from backfill_assets.sources import ControlTotals, Declaration, Ingested, RawLog, TokenKeys
from backfill_assets.storage.needles import needles
from backfill_assets.storage.searching import search_disk
from backfill_assets.storage.vault import Vault
from tests.landings import LandingAndLake

FIRST = date(2026, 3, 2)
AT = datetime(2026, 3, 20, 6, tzinfo=UTC)
ONE, TWO = b"the first key of sixteen bytes", b"the second key, which is another"
COLUMNS = pl.Schema({"meter": pl.String(), "owner": pl.String(), "mail": pl.String(), "kwh": pl.Decimal(12, 3)})
LOG = RawLog(
    table="meter_readings",
    columns=COLUMNS,
    key=("meter",),
    totals=ControlTotals(("kwh",)),
    personal={"owner": "owner_token", "mail": "mail_token"},
    noun="reading",
)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def reading(meter: str, owner: str | None, kwh: str = "1.500", **more: Any) -> dict[str, Any]:
    return {"meter": meter, "owner": owner, "mail": None, "kwh": Decimal(kwh)} | more


@dataclass(frozen=True)
class Owners(LandingAndLake):
    """The landing and the lake of a utility; ``keys`` are those in the environment, the one in use first."""

    keys: tuple[bytes, ...] = (ONE,)

    def rotated(self, *keys: bytes) -> "Owners":
        return replace(self, keys=keys)

    def lands(self, number: int, rows: Collection[dict[str, Any]], declaration: Declaration | None = None) -> Ingested:
        folder = self.landing / LOG.table
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame([*rows], schema=COLUMNS).write_parquet(folder / f"{day(number)}.parquet")
        return self.takes([number], declaration)

    def takes(self, numbers: Collection[int], declaration: Declaration | None = None) -> Ingested:
        days = [day(number) for number in numbers]
        return LOG.ingest(self.records, self.landing, days, TokenKeys(self.keys), AT, declaration)

    def raw(self, number: int | None = None) -> pl.DataFrame:
        return self.records.snapshot(LOG.table).scan(None if number is None else [day(number)]).collect()

    def current(self) -> list[tuple[Any, ...]]:
        """What counts, without tokens."""
        days = self.records.snapshot(LOG.table).days
        return LOG.current(self.records, days).select("day", "meter", "kwh").sort("day", "meter").collect().rows()

    def known(self) -> Mapping[date, set[str]]:
        """Whom the vault knows, by day."""
        rows = Vault(self.records.lake, LOG.table).table.snapshot().scan().collect()
        return {of: {*found["value"]} for (of,), found in rows.partition_by("day", as_dict=True).items()}

    def who_is(self, token: str) -> set[str]:
        rows = Vault(self.records.lake, LOG.table).table.snapshot().scan().filter(pl.col("token") == token).collect()
        return {*rows["value"]}

    def erases(self, *person: str, commit: bool = True, landing: bool = False) -> Forgotten:
        asked = Signed("Ada Lovelace", AT, "asked by letter")
        places = {"landing": self.landing} if landing else {}
        return erase(self.records, person, TokenKeys(self.keys), asked, places, commit=commit)

    def expires(self, number: int, *, commit: bool = True) -> Forgotten:
        return expire(self.records, day(number), Signed("Ada Lovelace", AT), {}, commit=commit)

    def traces(self, *texts: str) -> list[str]:
        """The files of the lake that hold a text, however it is packed."""
        return [Path(hit.file).name for hit in search_disk(self.root / "lake", needles(texts)).hits]

    def bytes_of_raw(self) -> dict[str, bytes]:
        root = self.root / "lake" / LOG.table
        return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}
