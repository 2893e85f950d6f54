"""Building partitions of reports: in as few runs as each report's policy allows, and what each run has built."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import dagster as dg

from backfill_assets.core.slots import Slot
from backfill_assets.errors.setup import PartitionUnknown
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.runner import Runner, RunResult, guarded
from backfill_assets.orchestration.instance.slots import slots_of
from backfill_assets.orchestration.reports.completeness import Built, commits_read, complete
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.orchestration.reports.reach import WHOLE, Report
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class Builder:
    """Builds report partitions by runs in this process.

    Whatever a run writes and wherever, when it succeeds its partitions are built: what the report did not write down
    of that itself, is written down here.
    """

    runner: Runner
    records: Records
    now: datetime

    def build(self, report: Report, ends: tuple[str, str], marks: Mapping[str, str]) -> RunResult:
        """Build consecutive partitions, from the first to the last, and all that cannot be built without them."""
        graph = self.runner.definitions.resolve_asset_graph()
        begun = commits_read(graph, self.records, report.selection)
        ran = guarded(lambda: self._run(report, ends, marks))
        if ran.success:
            keys, run_tags = keys_between(report, *ends), {**self.runner.run_tags, **marks}
            for key in report.selection:
                self._write_down(graph, Built(key, keys, ran.run_id, begun), run_tags)
        return ran

    def build_all(
        self, report: Report, keys: Sequence[str], marks: Mapping[str, str], table: str
    ) -> list[tuple[tuple[str, str], RunResult]]:
        """Build partitions in as few runs as may be; one run that fails does not stop the others."""
        runs = runs_of_keys(report, keys, self.built_of_live(report, table))
        return [(ends, self.build(report, ends, marks)) for ends in runs]

    def built_of_live(self, report: Report, table: str) -> frozenset[str]:
        """The partitions that are built from what is live now, so that building them again changes nothing."""
        if not self.records.exists(table):
            return frozenset()
        built, live = self.records.completeness.of_report(report.name, table), self.records.snapshot(table)
        return frozenset(key for key, one in built.items() if one.is_of(live))

    def behind(self, report: Report, keys: Collection[str], table: str) -> set[str]:
        """Those of some partitions that are not there, or are not known to be built from the files that live has.

        One that was written and not recorded is behind: whoever wrote it may have been killed long ago.
        """
        known = self.built_of_live(report, table)
        there = frozenset[Slot]() if report.is_whole else self.records.days(report.name)
        begin = {} if report.is_whole else slots_of(report.name, report.partitions_def, keys)
        # A report that keeps no table of its own is known by its completeness alone.
        return {key for key in keys if key not in known or (there and begin.get(key) not in there)}

    def _run(self, report: Report, ends: tuple[str, str], marks: Mapping[str, str]) -> RunResult:
        if report.is_whole:
            return self.runner.run_unpartitioned([*report.selection], marks)
        if partitions_per_run(report) == 1:
            return self.runner.run_partition([*report.selection], ends[0], marks)
        return self.runner.run_keys([*report.selection], *ends, marks)

    def _write_down(self, graph: Any, built: Built, run_tags: Mapping[str, str]) -> None:
        """What a run that succeeded has built, where the report has not written it down itself."""
        name = table_of(built.report)
        known = {key for key, one in self.records.completeness.of_report(name).items() if one.run_id == built.run_id}
        if unknown := tuple(key for key in built.partitions if key not in known):
            complete(graph, self.records, Built(built.report, unknown, built.run_id, built.begun), self.now)
        Freezer(self.records, run_tags, self.now).tell_built(name, built.partitions, built.run_id)


def partitions_per_run(report: Report) -> int | None:
    """How many partitions one run of a report takes, as its backfill policy says; None for any number.

    Dagster's default is one.
    """
    policy = report.definition.backfill_policy
    return policy.max_partitions_per_run if policy is not None else 1


def runs_of_keys(report: Report, keys: Sequence[str], built: Collection[str] = ()) -> list[tuple[str, str]]:
    """Group partitions into runs of consecutive ones, each as its first and last, in the order of time.

    A gap is bridged where every partition in it is ``built``, so that building it again changes nothing: the shortest
    first, until as many are built again as were asked for. No run takes more than the report's policy allows.

    Raises:
        PartitionUnknown: when the report has no such partition, perhaps any more.
    """
    if report.is_whole:
        return [(WHOLE, WHOLE)] if keys else []
    wanted = report.in_order({*keys})
    if beyond := _outside(report.partitions_def, wanted):
        raise PartitionUnknown(report.name, beyond, str(report.partitions_def))
    between = keys_between(report, wanted[0], wanted[-1]) if wanted else ()
    places = [index for index, key in enumerate(between) if key in {*wanted}]
    joined = _joined(places, [key in built for key in between])
    most = partitions_per_run(report) or len(between)
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and (runs[-1][1], place) in joined and place - runs[-1][0] < most:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return [(between[first], between[last]) for first, last in runs]


def _joined(places: Sequence[int], built: Sequence[bool]) -> set[tuple[int, int]]:
    """Neighbours among places that one run may take: those without a gap, and those whose gap is worth building."""
    left, joined = len(places), set[tuple[int, int]]()
    for one, other in sorted(pairwise(places), key=lambda pair: pair[1] - pair[0]):
        gap = other - one - 1
        if gap <= left and all(built[one + 1 : other]):
            joined.add((one, other))
            left -= gap
    return joined


def keys_between(report: Report, first: str, last: str) -> tuple[str, ...]:
    """All partitions from the first to the last, in the order of time."""
    if report.is_whole or report.partitions_def is None:
        return (WHOLE,)
    return tuple(report.partitions_def.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))


def rebuild_marks(correction: str) -> dict[str, str]:
    """The tags of a run that rebuilds reports for a correction."""
    return {tags.REBUILD_FOR: correction, tags.CORRECTION: correction}


def _outside(partitions: dg.PartitionsDefinition | None, keys: Sequence[str]) -> list[str]:
    """Keys that lie before the first partition of a definition or after its end."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return []
    windows = {key: partitions.time_window_for_partition_key(key) for key in [*keys[:1], *keys[-1:]]}
    first, end = partitions.start.timestamp(), partitions.end.timestamp() if partitions.end else None
    return [
        key
        for key, window in windows.items()
        if window.start.timestamp() < first or (end is not None and window.end.timestamp() > end)
    ]
