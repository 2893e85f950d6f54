"""The proof that exactly these staged files passed validation against exactly these live files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from backfill_assets.core.check import Check
from backfill_assets.core.slots import read_slot
from backfill_assets.errors.validation import CertificateAltered

Fingerprints = Mapping[date, str]
Inputs = Mapping[date, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Contents:
    """The SHA-256 of the bytes of each day's files, so that a file altered in place is another one.

    Certificates of before say nothing of live's.
    """

    staged: Fingerprints = field(default_factory=dict[date, str])
    live: Fingerprints = field(default_factory=dict[date, str])


@dataclass(frozen=True, slots=True)
class Certificate:
    """What validation saw, and what it found.

    Args:
        correction: its id.
        plan: the digest of the plan it was validated for.
        staged: the fingerprint of the staged files of each day.
        contents: the bytes of both.
        live: the fingerprint of the live files they replace; empty for a day that was not live.
        inputs: for each day and source, the fingerprint of what the staged rows were computed from.
        changed_days: days to be swapped.
        unchanged_days: days whose content equals live's, to be left alone.
        checks: all of them, passed or not.
    """

    correction: str
    plan: str
    staged: Fingerprints
    live: Fingerprints
    inputs: Inputs
    changed_days: tuple[date, ...]
    unchanged_days: tuple[date, ...]
    checks: tuple[Check, ...]
    contents: Contents = field(default_factory=Contents)

    @property
    def passed(self) -> bool:
        """Whether there are checks and each of them passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def digest(self) -> str:
        """SHA-256 over everything but the details of checks, whose example rows are any of several equal ones."""
        content = self._content()
        content["checks"] = [{**check, "detail": None} for check in content["checks"]]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads, with the digest."""
        return {**self._content(), "digest": self.digest}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote.

        Raises:
            CertificateAltered: when the content does not have the digest that is stored with it.
        """
        found = cls(
            correction=stored["correction"],
            plan=stored["plan"],
            staged={read_slot(day): files for day, files in stored["staged"].items()},
            live={read_slot(day): files for day, files in stored["live"].items()},
            inputs={read_slot(day): dict(sources) for day, sources in stored["inputs"].items()},
            changed_days=tuple(read_slot(day) for day in stored["changed_days"]),
            unchanged_days=tuple(read_slot(day) for day in stored["unchanged_days"]),
            checks=tuple(Check.from_json(check) for check in stored["checks"]),
            contents=Contents(
                {read_slot(day): digest for day, digest in stored.get("contents", {}).items()},
                {read_slot(day): digest for day, digest in stored.get("live_contents", {}).items()},
            ),
        )
        if found.digest != stored["digest"]:
            raise CertificateAltered(found.correction)
        return found

    def _content(self) -> dict[str, Any]:
        return {
            "correction": self.correction,
            "plan": self.plan,
            "staged": _by_day(self.staged),
            "live": _by_day(self.live),
            "inputs": _by_day({day: dict(sorted(sources.items())) for day, sources in self.inputs.items()}),
            "changed_days": [day.isoformat() for day in self.changed_days],
            "unchanged_days": [day.isoformat() for day in self.unchanged_days],
            "checks": [check.as_json() for check in self.checks],
            **({"contents": _by_day(self.contents.staged)} if self.contents.staged else {}),
            **({"live_contents": _by_day(self.contents.live)} if self.contents.live else {}),
        }


def _by_day(values: Mapping[date, Any]) -> dict[str, Any]:
    return {day.isoformat(): value for day, value in sorted(values.items())}
