"""Which figures there are, and how each is measured: rounds of ours and of theirs, in turn, in the same run."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.figures import Figure
from benchmark.growing import QUICK as QUICK_SIZES
from benchmark.growing import Growing, Sizes
from benchmark.made import WAVE, Scale, environment_of, make
from benchmark.peers.environments import python_of
from benchmark.processes import timed, told

HERE = Path(__file__).parent
DAGSTERS_PEER = HERE / "peers" / "dagster_partition.py"
MODEL = "bench.daily_revenue"
WHOLE, QUICK = Scale(90, 200_000), Scale(90, 20_000)


@dataclass
class Bench:
    """One run: how much is measured on what, and the lake that it is measured on, made when it is first asked for."""

    place: Path
    is_quick: bool
    rounds: int = 5
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = environment_of(self.place, self.scale.days) | {"BENCH_PLACE": str(self.place)}

    @property
    def scale(self) -> Scale:
        """How large the log is."""
        return QUICK if self.is_quick else WHOLE

    @property
    def waves(self) -> int:
        """How many waves its days are."""
        return -(-self.scale.days // WAVE)

    @property
    def scaled(self) -> str:
        """What ``--quick`` leaves out, for the figures that it changes."""
        return f" (quick: {self.scale.rows:,} a day in the place of {WHOLE.rows:,})" if self.is_quick else ""

    @cached_property
    def days(self) -> list[date]:
        """The days of the lake, which is there from now on."""
        make(self.scale, self.environment)
        return self.scale.window

    @property
    def on_lake(self) -> dict[str, str]:
        """The environment of a process that works on the lake, which is there from now on."""
        return self.environment if self.days else {}

    @cached_property
    def corrections(self) -> dict[str, list[Any]]:
        """By what it is: seconds of the floor, and what each correction in turn with it said."""
        days = self.days
        found: dict[str, list[Any]] = {"floor": [], "ours": [], "in_waves": [], "sqlmesh": []}
        restate = self._sqlmesh(days[0], days[-1])
        for _ in range(self.rounds):
            command = [sys.executable, "-W", "ignore", "-m", "benchmark.floor", str(self.place)]
            found["floor"].append(timed(command, self.environment))
            found["ours"].append(told("benchmark.correction", self.environment))
            found["in_waves"].append(told("benchmark.correction", self.environment, "peers"))
            found["sqlmesh"].append(restate())
        return found

    def _sqlmesh(self, first: date, last: date) -> Callable[[], float]:
        """A project that has computed the days once, and what restates them."""
        project = self.place / "sqlmesh"
        shutil.copytree(HERE / "peers" / "sqlmesh", project)
        for model in (project / "models").iterdir():
            text = model.read_text().replace("@lake", self.environment["BACKFILL_LAKE"])
            model.write_text(text.replace("@first", str(first)).replace("@last", str(last)))
        sqlmesh, said = str(python_of("sqlmesh").with_name("sqlmesh")), ["--auto-apply", "--no-prompts"]
        timed([sqlmesh, "plan", *said], self.environment, project)
        window = ["--start", str(first), "--end", str(last)]
        command = [sqlmesh, "plan", "prod", "--restate-model", MODEL, *window, *said]
        return lambda: timed(command, self.environment, project)


def staging_vs_floor(bench: Bench) -> Figure:
    """Staging by the driver, beside bare Polars."""
    found = bench.corrections
    ours = [one["ready"] + one["staged"] - one["staging"] for one in found["in_waves"]]
    limit = 1.2 + 0.35 * bench.waves / median(found["floor"])
    what = f"{bench.scale} staged in {bench.waves} waves through Dagster, beside bare Polars over the same files; both "
    return Figure("staging_vs_floor", ours, found["floor"], f"{what}from the start of the process{bench.scaled}", limit)


def validation_vs_floor(bench: Bench) -> Figure:
    """Validation of all days, without its page."""
    found = bench.corrections
    ours = [one["validate"] - one["pages_of_validate"] for one in found["ours"]]
    page = median(one["pages_of_validate"] for one in found["ours"])
    what = f"the same days validated, without the page ({page:.2f} s), beside bare Polars from the start of its process"
    return Figure("validation_vs_floor", ours, found["floor"], what + bench.scaled, 1.0)


def verification_vs_floor(bench: Bench) -> Figure:
    """Verification of the source."""
    found = bench.corrections
    what = f"the source of the same days verified, beside the same{bench.scaled}"
    return Figure("verification_vs_floor", [one["verify_source"] for one in found["ours"]], found["floor"], what, 0.5)


def correction_vs_sqlmesh(bench: Bench) -> Figure:
    """From the request to the cut over, beside a restatement without any validation."""
    found = bench.corrections
    ours = [one["over"] - one["pages"] for one in found["ours"]]
    what = (
        "a correction from its request to its cut over, validation included and pages apart, beside SQLMesh on DuckDB "
    )
    what += f"restating the same days in batches of {WAVE} without validation; both from the start of the process"
    return Figure("correction_vs_sqlmesh", ours, found["sqlmesh"], what + bench.scaled, 1.0)


def staging_vs_dagster_per_partition(bench: Bench) -> Figure:
    """All days in waves, beside a run of plain Dagster for each day; a process for each run on both sides."""
    days, python = bench.days, python_of("dagster")
    (bench.place / "home-of-peer").mkdir(exist_ok=True)
    theirs_environment = bench.environment | {"DAGSTER_HOME": str(bench.place / "home-of-peer")}
    ours, theirs, runs = list[float](), list[float](), set[int]()
    for number in range(bench.rounds + 1):
        ours.append(0.0)
        waves = told("benchmark.waves", bench.environment, "open")
        while waves["left"]:
            started = time.monotonic()
            waves = told("benchmark.waves", bench.environment, "next", waves["correction"])
            ours[-1] += time.monotonic() - started
        runs.add(waves["runs"])
        of = str(days[number * WAVE])
        command = [str(python), str(DAGSTERS_PEER), bench.environment["BACKFILL_LAKE"], str(bench.place / "peer"), of]
        theirs.append(timed(command, theirs_environment) * len(days))
    told_runs = " to ".join(str(number) for number in sorted({min(runs), max(runs)}))
    what = (
        f"{bench.scale} in the {told_runs} runs that the library makes of them, beside dagster-deltalake-polars with "
        f"a run for each of {len(days)} partitions, one run at a time on both sides and a process for each; "
        f"{len(theirs)} partitions were run, the rest is reckoned{bench.scaled}"
    )
    return Figure("staging_vs_dagster_per_partition", ours, theirs, what, 1 / 20)


def dagster_share_per_wave_s(bench: Bench) -> Figure:
    """What of a wave is not computing, writing and committing."""
    found = told("benchmark.waves", bench.on_lake, "beside")
    share = [max(0.0, through - bare) for through, bare in zip(found["through"], found["bare"], strict=True)]
    what = (
        f"of a wave of {WAVE} days in a warm process what is not computed, written and committed, beside the whole wave"
    )
    return Figure("dagster_share_per_wave_s", share, found["through"], what + bench.scaled)


def comparison_vs_datacompy(bench: Bench) -> Figure:
    """Two sides compared row by row."""
    rows = 500_000 if bench.is_quick else 2_000_000
    folder, ours, theirs = bench.place / "sides", list[float](), list[float]()
    folder.mkdir()
    import bench_comparison

    bench_comparison.write(folder, rows)
    for _ in range(bench.rounds):
        ours.append(bench_comparison.measured("ours", folder)["seconds"])
        theirs.append(bench_comparison.measured("datacompy", folder, str(python_of("datacompy")))["seconds"])
    scaled = " (quick: 500,000 in the place of 2,000,000)" if bench.is_quick else ""
    what = f"{rows:,} rows a side compared, beside datacompy's comparison with Polars{scaled}"
    return Figure("comparison_vs_datacompy", ours, theirs, what)


@dataclass(frozen=True)
class Swaps:
    """A table whose days are all swapped: how many days, of how many rows and files each."""

    days: int
    rows: int
    files: int = 1

    @property
    def suffix(self) -> str:
        """What its figures are called behind the name of what they measure; nothing of the first one."""
        files = f"_of_{self.files}_files" if self.files > 1 else ""
        return "" if self == SWAPS[0] else f"_{self.days}_days{files}"


SWAPS = (Swaps(90, 10_000), Swaps(3_650, 100), Swaps(365, 1_000), Swaps(90, 10_000, 10), Swaps(90, 10_000, 100))
QUICK_SWAPS = SWAPS[:2]


def swaps(bench: Bench) -> Iterator[Figure]:
    """Cut over beside a rewriting overwrite, and beside the bare log entry."""
    for one in QUICK_SWAPS if bench.is_quick else SWAPS:
        asked = (str(one.days), str(one.rows), str(one.files), str(bench.rounds))
        found = told("benchmark.swaps", bench.environment, *asked)
        files = "a file" if one.files == 1 else f"{one.files} files"
        of = f"{one.days:,} days of {one.rows:,} rows in {files} each cut over, planning included, beside"
        rewrite = f"{of} an overwrite of the same days (replaceWhere)"
        entry = f"{of} its log entry written and forced to disk"
        yield Figure(f"cut_over_vs_rewrite{one.suffix}", found["swap"], found["rewrite"], rewrite)
        limit = 8.0 if one.files == 1 else None
        yield Figure(f"cut_over_vs_log_entry{one.suffix}", found["swap"], found["entry"], entry, limit)


ALONE: tuple[Callable[[Bench], Figure], ...] = (
    staging_vs_floor,
    verification_vs_floor,
    validation_vs_floor,
    correction_vs_sqlmesh,
    staging_vs_dagster_per_partition,
    dagster_share_per_wave_s,
    comparison_vs_datacompy,
)
NAMES = (*(measure.__name__ for measure in ALONE), "cut_over_vs_rewrite", "cut_over_vs_log_entry", "growth")


def measured(only: list[str], *, is_quick: bool) -> Iterator[Figure]:
    """The figures that are asked for, each as soon as it is there; all of them where none is named."""
    # Growth takes as long as all others do, and is left out where less is asked for.
    wanted = {*(only or (NAMES[:-1] if is_quick else NAMES))}
    with tempfile.TemporaryDirectory(prefix="backfill-bench-", ignore_cleanup_errors=True) as place:
        bench = Bench(Path(place), is_quick)
        yield from (measure(bench) for measure in ALONE if measure.__name__ in wanted)
        if wanted & {*NAMES[-3:-1]}:
            yield from (one for one in swaps(bench) if any(one.name.startswith(name) for name in wanted))
        if "growth" in wanted:
            (bench.place / "growth").mkdir()
            yield from Growing(bench.place / "growth", QUICK_SIZES if is_quick else Sizes()).figures()


def as_json(figures: list[Figure]) -> str:
    """All figures as other programs read them."""
    return json.dumps({"figures": [figure.as_json() for figure in figures]}, indent=1)
