"""The scrub: every archived file and every file of a raw log is read again and compared with the SHA-256 it had.

A file of the archive says its own; that of a raw log's file stands in the manifest of arrivals.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import counted, listed, verb
from backfill_assets.sources.archiving import ArchivedFiles
from backfill_assets.sources.arrivals import arrived, raw_manifest
from backfill_assets.storage.archive import Archive, digest, named_digest
from backfill_assets.storage.files import in_threads
from backfill_assets.storage.records import Records

MISSING, ALTERED, UNREADABLE = "is missing", "is not what it was", "cannot be read"
HEX = 16


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file whose SHA-256 is known; ``path`` is below the root of the lake, ``day`` the day that it is of, if any.

    ``beside`` is the path of the file in the other place from which it can be made again, where there is one.
    """

    source: str
    day: date | None
    path: str
    sha256: str
    beside: str = ""

    @property
    def is_archived(self) -> bool:
        """Whether it is in the archive, and not in a raw log."""
        return self.path.startswith("_")

    def is_of(self, part: int, parts: int) -> bool:
        """Whether it is in one of so many shares of about the same size."""
        return int(self.sha256[:HEX], HEX) % parts == part - 1


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that is not what it was, and what can be done about it."""

    file: KeptFile
    finding: str
    advice: str

    @property
    def sentence(self) -> str:
        """All of it, for a person."""
        of_day = f" of {self.file.day}" if self.file.day else ""
        place = "archived file" if self.file.is_archived else "file of the raw log"
        return f"The {place} {self.file.path}{of_day}, of {self.file.source}, {self.finding}. {self.advice}"

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        day = str(self.file.day) if self.file.day else None
        told = {"source": self.file.source, "day": day, "path": self.file.path, "archived": self.file.is_archived}
        return {**told, "finding": self.finding, "advice": self.advice}


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub read and found.

    ``unarchived`` are how many arrivals of each source came before there was an archive, ``undigested`` those of which
    the manifest has no SHA-256. ``unnamed`` are files of the archive that no record names.
    """

    files: int
    size: int
    bad: tuple[BadFile, ...]
    unarchived: Mapping[str, int] = field(default_factory=dict[str, int])
    undigested: Mapping[str, int] = field(default_factory=dict[str, int])
    unnamed: tuple[str, ...] = ()
    part: int = 1
    parts: int = 1

    def sentences(self) -> Iterator[str]:
        """What was found, a sentence each."""
        share = f" (share {self.part} of {self.parts})" if self.parts > 1 else ""
        found = f"{counted(len(self.bad), 'file')} {verb(len(self.bad), 'is', 'are')} not" if self.bad else "all are"
        read = f"{counted(self.files, 'file')} of archive and raw logs, {self.size:,} bytes{share}, were read"
        yield f"{read}; {found} what they were."
        yield from (one.sentence for one in self.bad)
        for source, count in self.unarchived.items():
            told = f"{counted(count, 'arrival')} of {source} came before there was an archive"
            yield f"{told}; restore {source} archives what is in its raw log."
        for source, count in self.undigested.items():
            told = f"Of {counted(count, 'arrival')} of {source} no SHA-256 was written down"
            yield f"{told}, so nothing is known of their files."
        if self.unnamed:
            yield f"No record names {listed(self.unnamed)}; an arrival that was not completed left them."

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {
            "files": self.files,
            "bytes": self.size,
            "part": self.part,
            "parts": self.parts,
            "bad": [one.as_json() for one in self.bad],
            "unarchived": dict(self.unarchived),
            "undigested": dict(self.undigested),
            "unnamed": list(self.unnamed),
            "told": list(self.sentences()),
        }


def scrub(records: Records, part: int = 1, parts: int = 1) -> Scrubbed:
    """Read a share of everything whose SHA-256 is known, all of it by default; changes nothing."""
    known, unarchived, undigested = known_files(records)
    archive = Archive(records.lake)
    chosen = [one for one in known if one.is_of(part, parts)]
    looked = in_threads(lambda one: look_at(archive, one), chosen)
    findings = {one: found for one, (found, _) in zip(chosen, looked, strict=True) if found}
    bad = tuple(BadFile(one, found, _advice(archive, one)) for one, found in findings.items())
    named = {one.path for one in known}
    unnamed = tuple(sorted(found.path for found in archive.listing() if found.path not in named))
    size = sum(size for _, size in looked)
    return Scrubbed(len(chosen), size, bad, unarchived, undigested, unnamed, part, parts)


def look_at(archive: Archive, one: KeptFile) -> tuple[str, int]:
    """What is wrong with a file, nothing where it is whole; and how many bytes were read."""
    try:
        content = archive.read(one.path)
    except FileNotFoundError:
        return MISSING, 0
    except FAULTS:
        return UNREADABLE, 0
    return ("" if digest(content) == one.sha256 else ALTERED), len(content)


def known_files(records: Records) -> tuple[list[KeptFile], dict[str, int], dict[str, int]]:
    """Every file whose SHA-256 is known; how many arrivals of a source have no archived file, and no SHA-256."""
    found: dict[str, KeptFile] = {}
    unarchived: dict[str, int] = {}
    undigested: dict[str, int] = {}
    for source, rows in visible_arrivals(records).items():
        is_raw_log = rows["day"].is_not_null().all() and records.snapshot(source).by_day
        for row in rows.iter_rows(named=True):
            of_log, of_archive = f"{source}/{row['file']}", row["archive"] or ""
            beside = (of_archive, of_log) if is_raw_log else ("", "")
            if row["file_sha256"]:
                found[of_log] = KeptFile(source, row["day"], of_log, row["file_sha256"], beside[0])
            else:
                undigested[source] = undigested.get(source, 0) + 1
            if of_archive:
                found[of_archive] = KeptFile(source, row["day"], of_archive, named_digest(of_archive), beside[1])
            else:
                unarchived[source] = unarchived.get(source, 0) + 1
    for one in ArchivedFiles(records.lake).all():
        found[one.archive] = KeptFile(one.source, None, one.archive, named_digest(one.archive))
    return [*found.values()], unarchived, undigested


def visible_arrivals(records: Records) -> dict[str, pl.DataFrame]:
    """The manifest's rows of what is in each raw log of the lake, by source."""
    sources = sorted(set(raw_manifest(records).rows(["source"])["source"]))
    return {name: arrived(records, records.snapshot(name), name) for name in sources if records.exists(name)}


def whole(archive: Archive, files: Collection[KeptFile]) -> frozenset[str]:
    """The paths of those files that are what they were."""
    looked = in_threads(lambda one: (one.path, look_at(archive, one)[0]), [*files])
    return frozenset(path for path, found in looked if not found)


def _advice(archive: Archive, one: KeptFile) -> str:
    """What brings a file back: the other place that has its rows, if that is there, else a copy."""
    if one.beside and archive.folder.find([one.beside]):
        return f"Run backfill-assets restore {one.source} --day {one.day}, which makes it again from {one.beside}."
    return "Put it back from a copy of the lake."
