"""A figure: what ours took in each round, what theirs took, and what it is a figure of."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
PERFORMANCE = ROOT / "docs" / "performance.md"
BEGINS, ENDS = "<!-- bench: begins -->", "<!-- bench: ends -->"
NAMED = ("dagster", "deltalake", "polars")


@dataclass(frozen=True)
class Figure:
    """Seconds of ours and of theirs, by round; ``limit`` is the ratio that is asked for, None where none is."""

    name: str
    ours: Sequence[float]
    theirs: Sequence[float]
    what: str
    limit: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Ours by theirs, round by round."""
        return [one / other for one, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of ours by the median of theirs."""
        return median(self.ours) / median(self.theirs)

    def as_json(self) -> dict[str, Any]:
        """The figure as other programs read it."""
        return {
            "name": self.name,
            "ours_s": round(median(self.ours), 6),
            "theirs_s": round(median(self.theirs), 6),
            "ratio_median": round(self.ratio, 6),
            "ratio_min": round(min(self.ratios), 6),
            "ratio_max": round(max(self.ratios), 6),
            "what": self.what,
        }

    def row(self) -> tuple[str, ...]:
        """The figure as people read it."""
        asked = "" if self.limit is None else f"{self.limit:.3g}"
        kept = "" if self.limit is None else "yes" if self.ratio <= self.limit else "no"
        spread = f"{min(self.ratios):.3g} to {max(self.ratios):.3g}"
        seconds = (f"{_told(median(one))}" for one in (self.ours, self.theirs))
        return (self.name, *seconds, f"{self.ratio:.3g}", spread, asked, kept, self.what)


HEAD = ("figure", "ours", "theirs", "ratio", "least to most", "asked for, at most", "kept", "what")


def _told(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def write_down(figures: Sequence[Figure]) -> None:
    """Put the table in the place of the one in ``docs/performance.md``."""
    text = PERFORMANCE.read_text()
    before, rest = text.split(BEGINS)
    after = rest.split(ENDS)[1]
    lines = ["| " + " | ".join(row) + " |" for row in (HEAD, ("---",) * len(HEAD), *(one.row() for one in figures))]
    table = "\n".join([_where(), "", *lines])
    PERFORMANCE.write_text(f"{before}{BEGINS}\n{table}\n{ENDS}{after}")


def _where() -> str:
    """The machine, the versions, the commit and the day."""
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in NAMED)
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    return f"{machine}; Python {sys.version.split()[0]}, {versions}; commit {commit}, {datetime.now(UTC):%d %B %Y}."
