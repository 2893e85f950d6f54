"""Forgetting: a person on request, and days whose mappings may not be kept any longer; proven byte by byte.

A tombstone comes first, so that whatever lands meanwhile is not mapped any more; then the rows of the vault go, and at
last every byte is searched. Killed anywhere, the same again does what is left.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from backfill_assets.core.forgetting import Forgotten, FromVault, Proof, StillHeld
from backfill_assets.core.given import refuse_unsigned, written
from backfill_assets.core.retention import Retention
from backfill_assets.errors.personal import (
    KeysMissing,
    NotYetOver,
    NoVault,
    PersonUnnamed,
    ReasonMissing,
    ReasonNamesPerson,
)
from backfill_assets.sources.arrivals import raw_manifest
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.storage.erasures import Erasures, Token
from backfill_assets.storage.files import Folder
from backfill_assets.storage.needles import Needles, needles
from backfill_assets.storage.parquet_pages import refuse_without_reader
from backfill_assets.storage.records import Records
from backfill_assets.storage.searching import Searched, search_disk, search_lake
from backfill_assets.storage.vault import TOKEN, VALUE, Vault, vaults_in

MOST_TEXTS = 1000
"""How many of the people of expired days are searched for, drawn evenly."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who asks for it, and when; of an erasure also why."""

    by: str
    at: datetime
    reason: str = ""


def erase(
    records: Records,
    person: Collection[str],
    keys: TokenKeys,
    asked: Signed,
    places: Mapping[str, Path],
    *,
    commit: bool,
) -> Forgotten:
    """Erase a person from every vault, by all ids of hers; without ``commit`` only say what would be done.

    ``places`` are folders beside the lake that are searched too, by name. Raw logs stay as they are.

    Raises:
        PersonUnnamed, ReasonMissing, ReasonNamesPerson, NameNeeded: when something of the request is missing or unfit.
        KeysMissing: when tokens or tombstones were made with a key that is not given.
        ExtraMissing: when nothing could be proven, because what reads the pages of Parquet is not installed.
    """
    values = sorted({one for one in person if one})
    _refuse_unfit(values, asked)
    vaults = [Vault(records.lake, name) for name in vaults_in(records.lake)]
    _refuse_without_keys(records, vaults, keys)
    tokens = [Token(key, token) for key in keys.fingerprints for token in keys.tokens(values, key)]
    gone = pl.col(VALUE).is_in(values) | pl.col(TOKEN).is_in([one.token for one in tokens])
    erasures = Erasures(records.lake)
    if not commit:
        held = [(vault.name, vault.holding(gone)) for vault in vaults]
        from_vaults = [FromVault(name, sum(of.values()), tuple(sorted(file.path for file in of))) for name, of in held]
        return Forgotten(tuple(from_vaults), erasure=erasures.number_of(tokens), tombstones=len(tokens))
    refuse_without_reader()
    number = erasures.entomb(tokens, written(asked.by), asked.reason, asked.at)
    done = [(vault.name, vault.delete(gone, f"erasure {number}")) for vault in vaults]
    proof = _searched(records, places, needles(values), 1)
    return Forgotten(
        tuple(FromVault(name, deleted.rows, deleted.files) for name, deleted in done), proof, number, len(tokens)
    )


def expire(
    records: Records, before: date, asked: Signed, places: Mapping[str, Path], *, commit: bool, table: str = ""
) -> Forgotten:
    """Delete the mappings of all days before one, of all raw logs or one; without ``commit`` only say what would go.

    Raises:
        NotYetOver: when a day before it is not over yet.
        NoVault: when the raw log that is named has no vault.
        ExtraMissing: as :func:`erase`.
    """
    if before > asked.at.date():
        raise NotYetOver(before, asked.at.date())
    there = vaults_in(records.lake)
    if table and table not in there:
        raise NoVault(table, there)
    vaults = [Vault(records.lake, name) for name in there if not table or name == table]
    if not commit:
        return Forgotten(tuple(_before(vault, before) for vault in vaults), before=before)
    refuse_without_reader()
    # They are known only as long as they are there.
    people = pl.concat([pl.Series(VALUE, [], pl.String), *(vault.values_before(before) for vault in vaults)]).unique()
    erasures = Erasures(records.lake)
    erasures.expire([vault.name for vault in vaults], before, written(asked.by), asked.at)
    done = [(vault.name, vault.delete_before(before, f"expired before {before}")) for vault in vaults]
    drawn = people.sort().gather_every(max(-(-people.len() // MOST_TEXTS), 1))
    proof = _searched(records, places, needles(drawn.to_list()), people.len())
    from_vaults = tuple(FromVault(name, deleted.rows, deleted.files) for name, deleted in done)
    return Forgotten(from_vaults, proof, before=before)


def due(records: Records, duties: Mapping[str, Retention], today: date) -> dict[str, date]:
    """The raw logs of which days are known that may be known no longer, and the first day that still may."""
    there = {name: duties[name].oldest(today) for name in vaults_in(records.lake) if name in duties}
    return {name: first for name, first in there.items() if first and Vault(records.lake, name).files_before(first)}


def _refuse_unfit(values: Sequence[str], asked: Signed) -> None:
    if not values:
        raise PersonUnnamed
    if not asked.reason.strip():
        raise ReasonMissing
    if any(needles(values).within(text.encode(), "") for text in (asked.reason, asked.by)):
        raise ReasonNamesPerson
    refuse_unsigned(asked.by, "erase a person")


def _refuse_without_keys(records: Records, vaults: Sequence[Vault], keys: TokenKeys) -> None:
    """Refuse to erase somebody of whom not every token can be told."""
    erasures = Erasures(records.lake)
    if lacking := keys.lacking(erasures.erased()):
        raise KeysMissing(lacking, "Tombstones of erased people", keys.fingerprints)
    manifest = raw_manifest(records).rows(["source", "day", "token_key"])
    for vault in vaults:
        expired = erasures.expired_before(vault.name)
        arrived = manifest.filter(pl.col("source") == vault.name, pl.col("day") >= (expired or date.min))
        made_with = {*arrived["token_key"].drop_nulls(), *vault.keys()}
        if lacking := keys.lacking(made_with):
            raise KeysMissing(lacking, f"Tokens of {vault.name}", keys.fingerprints)


def _before(vault: Vault, day: date) -> FromVault:
    files = vault.files_before(day)
    return FromVault(vault.name, sum(file.rows for file in files), tuple(sorted(file.path for file in files)))


def _searched(records: Records, places: Mapping[str, Path], texts: Needles, of_texts: int) -> Proof:
    lake = Folder(records.lake.root, dict(records.lake.storage_options))
    found = {"lake": search_lake(lake, texts)}
    found |= {name: search_disk(root, texts) for name, root in places.items()}
    return _proof(found, texts, of_texts)


def _proof(found: Mapping[str, Searched], texts: Needles, of_texts: int) -> Proof:
    held = {
        hit.file: StillHeld(
            hit.file, hit.place.where, hit.place.is_certain, "" if hit.place.is_certain else hit.place.around
        )
        for one in found.values()
        for hit in one.hits
    }
    unread = {file: why for one in found.values() for file, why in one.unread}
    searched = {name: (one.files, one.size) for name, one in found.items()}
    return Proof(searched, len(texts.values), of_texts, tuple(held.values()), unread)
