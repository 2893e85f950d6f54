"""How what is measured grows: ten times as much beside ten times what a tenth takes, each in a process of its own.

Ours are the seconds of ten times as much, theirs its linear share. What it takes in seconds is in the words of each.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from statistics import median

from benchmark.figures import Figure
from benchmark.made import LAST, environment_of
from benchmark.processes import told

TIMES, LIMIT = 10, 2.0


def morning(days: int) -> str:
    """Six o'clock so many days after the last day that there is."""
    return f"{LAST + timedelta(days=days)}T06:00:00+00:00"


@dataclass(frozen=True)
class Sizes:
    """A tenth of each, and how often each is measured."""

    commits: int = 10_000
    files: int = 10_000
    corrections: int = 50
    days: int = 365
    rows: int = 20_000
    rounds: int = 5


QUICK = Sizes(commits=1_000, files=1_000, corrections=5, days=36, rows=2_000, rounds=2)


@dataclass(frozen=True)
class Growing:
    """One run: where it is measured, and how much is a tenth."""

    place: Path
    sizes: Sizes

    def figures(self) -> Iterator[Figure]:
        """Every figure, each as soon as it is there."""
        yield from self.by_commits()
        yield from self.by_files()
        yield from self.by_corrections()
        yield from self.by_days()
        yield from self.by_rows()

    def by_commits(self) -> Iterator[Figure]:
        """A log of many commits, with checkpoints: opened, written to, cleaned, and opened again."""
        of, sizes = "of a log of {} commits", (self.sizes.commits, self.sizes.commits * TIMES)
        with self.lakes("commits", sizes, "log") as (few, many):
            for what, name in (("opened", "opening a table"), ("committed", "replacing a day of a table")):
                yield self.figure(
                    f"growth_{what}", f"{name} {of}", sizes, self.taken(what, few), self.taken(what, many)
                )
            cleaned = [[self.seconds("cleaned", one)] for one in (few, many)]
            yield self.figure("growth_cleaned", f"cleaning up {of}, once", sizes, *cleaned)
            after = [self.taken("opened", one) for one in (few, many)]
            yield self.figure("growth_opened_after", f"opening a table {of} once it is cleaned", sizes, *after)

    def by_files(self) -> Iterator[Figure]:
        """A cut over of many files."""
        sizes, found = (self.sizes.files, self.sizes.files * TIMES), ([], [])
        for _ in range(min(self.sizes.rounds, 3)):
            with self.lakes("files", sizes, "sides") as lakes:
                for taken, one in zip(found, lakes, strict=True):
                    taken.append(self.seconds("cut_over", one))
        yield self.figure("growth_cut_over", "a cut over of {} files, planned and looked at", sizes, *found)

    def by_corrections(self) -> Iterator[Figure]:
        """Open corrections, of twenty facts each: asked for, driven and listed."""
        sizes = (self.sizes.corrections, self.sizes.corrections * TIMES)
        with self.lakes("corrections", sizes, "corrections", days=sizes[1] + 1, rows=4) as (few, many):
            for what, name in (
                ("told", "backfill-assets status, from the start of its process, with {} open corrections"),
                ("ticked", "a tick of the driver, from the start of its process, with {} open corrections"),
                ("listed", "the list of the console, from the start of its process, with {} open corrections"),
            ):
                ended = [self.taken(what, one, "ended") for one in (few, many)]
                yield self.figure(f"growth_{what}", f"{name} of 20 facts each", sizes, *ended)

    def by_days(self) -> Iterator[Figure]:
        """A correction of all days, and a night after them."""
        sizes, found = (self.sizes.days, self.sizes.days * TIMES), dict[str, list[list[float]]]()
        for number in sizes:
            with self.lake(f"days{number}", number, 100) as one:
                corrected = told("benchmark.correction", one)
                found.setdefault("corrected", []).append([corrected["over"] - corrected["pages"]])
                self.seconds("nightly", one | {"BACKFILL_NOW": morning(1)}, "ended")
                told("benchmark.growth", one, "make", "landed", one["BENCH_PLACE"], "100")
                night = one | {"BACKFILL_NOW": morning(2)}
                found.setdefault("nightly", []).append([self.seconds("nightly", night, "ended")])
                idle = [self.seconds("nightly", night, "ended") for _ in range(self.sizes.rounds)]
                found.setdefault("nightly_idle", []).append(idle)
        whole = "a correction of {} days of 100 transactions, from its request to its cut over, pages apart, once"
        yield self.figure("growth_corrected", whole, sizes, *found["corrected"])
        yield self.figure("growth_nightly", "one more day of nightly after {} days, once", sizes, *found["nightly"])
        idle = "nightly with nothing to do after {} days"
        yield self.figure("growth_nightly_idle", idle, sizes, *found["nightly_idle"])

    def by_rows(self) -> Iterator[Figure]:
        """The days of a correction, by their rows."""
        sizes = (self.sizes.rows, self.sizes.rows * TIMES)
        staged, validated = dict[int, list[float]](), dict[int, list[float]]()
        for number in sizes:
            with self.lake(f"rows{number}", 30, number) as one:
                for _ in range(min(self.sizes.rounds, 3)):
                    found = told("benchmark.correction", one)
                    staged.setdefault(number, []).append(found["staged"] - found["staging"])
                    validated.setdefault(number, []).append(found["validate"] - found["pages_of_validate"])
        yield self.figure("growth_staged", "staging 30 days of {} transactions", sizes, *staged.values())
        yield self.figure("growth_validated", "validating 30 days of {} transactions", sizes, *validated.values())

    def figure(self, name: str, what: str, sizes: tuple[int, int], few: list[float], many: list[float]) -> Figure:
        """Ten times as much beside its linear share."""
        words = f"{what.format(f'{sizes[1]:,}')}, beside ten times the {median(few):.2g} s of {sizes[0]:,}"
        return Figure(name, many, [one * TIMES for one in few], words, LIMIT)

    def taken(self, what: str, lake: Mapping[str, str], which: str = "seconds") -> list[float]:
        """Seconds of as many processes as there are rounds."""
        return [self.seconds(what, lake, which) for _ in range(self.sizes.rounds)]

    def seconds(self, what: str, lake: Mapping[str, str], which: str = "seconds") -> float:
        """Seconds of one process."""
        return told("benchmark.growth", lake, what, lake["BENCH_PLACE"])[which]

    @contextmanager
    def lakes(
        self, name: str, sizes: tuple[int, int], what: str, days: int = 0, rows: int = 0
    ) -> Iterator[list[dict[str, str]]]:
        """Two lakes, in each of which there is as much as one of the sizes."""
        few, many = (self.lake(f"{name}{number}", days, rows) for number in sizes)
        with few as one, many as other:
            for lake, number in zip((one, other), sizes, strict=True):
                told("benchmark.growth", lake, "make", what, lake["BENCH_PLACE"], str(number))
            yield [one, other]

    @contextmanager
    def lake(self, name: str, days: int, rows: int) -> Iterator[dict[str, str]]:
        """A lake of so many days, all of them wrong; an empty one where there are none."""
        place = self.place / name
        place.mkdir()
        found = environment_of(place, max(1, days)) | {"BENCH_PLACE": str(place)}
        if days:
            told("benchmark.made", found, str(days), str(rows))
        yield found
        rmtree(place)
