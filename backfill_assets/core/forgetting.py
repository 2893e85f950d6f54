"""What was done to forget somebody, or days, and what a search of every byte afterwards shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from backfill_assets.errors.base import counted


@dataclass(frozen=True, slots=True)
class StillHeld:
    """A file that still holds what is to be forgotten, and where in it.

    ``is_certain`` is not so of a short number within a text, which may be there by chance; then ``around`` is the text
    beside it.
    """

    file: str
    where: str
    is_certain: bool
    around: str = ""

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {"file": self.file, "where": self.where, "certain": self.is_certain, "around": self.around}


@dataclass(frozen=True, slots=True)
class Proof:
    """A search for some texts, a number of those that were there, through places by name: their files and bytes.

    ``unread`` are files that could not be looked into, and why.
    """

    searched: Mapping[str, tuple[int, int]]
    texts: int
    of_texts: int
    held: tuple[StillHeld, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def found(self) -> tuple[str, ...]:
        """The files that still hold it for certain, or could not be looked into."""
        return (*self.unread, *(one.file for one in self.held if one.is_certain))

    @property
    def is_found(self) -> bool:
        """Whether something still holds it, or could not be looked into."""
        return bool(self.found)

    @property
    def sentence(self) -> str:
        """What was searched and what came of it."""
        files = counted(sum(files for files, _ in self.searched.values()), "file")
        size = sum(size for _, size in self.searched.values())
        what = "the person" if self.of_texts == 1 else counted(self.texts, "value")
        drawn = f", drawn evenly from {self.of_texts:,}," if self.texts < self.of_texts else ""
        certain = sum(one.is_certain for one in self.held)
        chance = len(self.held) - certain
        found = f"{counted(certain, 'file')} still hold" if certain != 1 else "1 file still holds"
        came = f"{found} a trace" if certain else "no trace was found"
        perhaps = f"; {counted(chance, 'file')} may hold one by chance" if chance else ""
        unread = f"; {counted(len(self.unread), 'file')} could not be looked into" if self.unread else ""
        return f"Searched {files} ({size:,} bytes) for {what}{drawn} and {came}{perhaps}{unread}."

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "told": self.sentence,
            "searched": [
                {"place": name, "files": files, "bytes": size} for name, (files, size) in self.searched.items()
            ],
            "still_held": [one.as_json() for one in self.held],
            "not_looked_into": [{"file": file, "why": why} for file, why in self.unread.items()],
        }


@dataclass(frozen=True, slots=True)
class FromVault:
    """What goes from the vault of a raw log: rows, and the files that they are in."""

    table: str
    rows: int
    files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {"table": self.table, "rows": self.rows, "files": [*self.files]}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, or would be: the rows of each vault.

    ``erasure`` is the number of a person's erasure, ``tombstones`` how many tokens it names, ``before`` the day up to
    which days expired. Without a proof nothing was done yet.
    """

    vaults: tuple[FromVault, ...]
    proof: Proof | None = None
    erasure: int | None = None
    tombstones: int = 0
    before: date | None = None

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        of = {"before": str(self.before)} if self.before else {"erasure": self.erasure, "tombstones": self.tombstones}
        vaults = [one.as_json() for one in self.vaults]
        proof = None if self.proof is None else self.proof.as_json()
        return {"done": self.proof is not None, **of, "vaults": vaults, "proof": proof}
