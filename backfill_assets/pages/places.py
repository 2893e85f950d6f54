"""Where things lie among the published files: only what is there can be linked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backfill_assets.core.formats import period_told
from backfill_assets.core.plan import Plan

INDEX = "index.html"
SHOWN = {".html": "page", ".xlsx": "workbook", ".csv": "CSV"}
"""Kinds of file that a page links, and what it calls them. Others may be taken away again, or are too many."""
STORAGE_COST = "storage-cost.html"
RETENTION = "retention.html"
EXPOSURE, EXPOSURE_ROWS = "exposure.html", "exposure.csv"
BESIDE = {EXPOSURE: "Where the wrong numbers were seen", EXPOSURE_ROWS: "The same as CSV"}
"""What may lie beside the page of a correction, and what a link to it says."""
MOST_LINKED = 14


@dataclass(frozen=True, slots=True)
class Link:
    """A place, relative to the page that names it, and what the link says."""

    text: str
    place: str


@dataclass(frozen=True)
class Places:
    """The published folder, as the page of one correction sees it."""

    root: Path
    correction: str

    @property
    def folder(self) -> Path:
        """Where the page lies."""
        return self.root / "corrections" / self.correction

    @property
    def has_reports(self) -> bool:
        """Whether there is a page of all reports."""
        return (self.root / INDEX).is_file()

    @property
    def home(self) -> list[Link]:
        """The way up: every correction, and the reports where there is a page of them."""
        home = [Link("All corrections", f"../{INDEX}")]
        return [Link("All reports", f"../../{INDEX}"), *home] if self.has_reports else home

    def beside(self) -> list[Link]:
        """What lies beside the page."""
        return [Link(text, name) for name, text in BESIDE.items() if (self.folder / name).is_file()]

    def page_of(self, correction: str) -> str:
        """The page of another correction; empty where there is none."""
        there = (self.root / "corrections" / correction / INDEX).is_file()
        return f"../{correction}/{INDEX}" if there else ""

    def notice(self, name: str) -> str:
        """The page of a notice; empty where there is none."""
        return f"../../notices/{name}.html" if (self.root / "notices" / f"{name}.html").is_file() else ""

    def reports(self, plan: Plan) -> Mapping[str, Sequence[Link]]:
        """For each report that is rebuilt, its pages and files that are about what is corrected."""
        return {report: [*self._report(report, keys)][:MOST_LINKED] for report, keys in plan.reports.items() if keys}

    def _report(self, report: str, keys: Sequence[str]) -> Iterator[Link]:
        folder = self.root / report
        if (folder / INDEX).is_file():
            yield Link("page", f"../../{report}/{INDEX}")
        for name in dict.fromkeys(part for key in keys for part in (key[:7], key)):
            for ending, kind in SHOWN.items():
                if (folder / f"{name}{ending}").is_file():
                    yield Link(f"{period_told(name)}, {kind}", f"../../{report}/{name}{ending}")
