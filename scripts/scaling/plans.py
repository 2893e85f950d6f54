"""The correction of 180 days of four hours each on a cluster, as the planner of the library does it, case by case."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from backfill_assets.core.facts import Paced
from backfill_assets.core.next_step import Stuck
from backfill_assets.core.waves import WaveOrder, WavePolicy
from scripts.scaling.cluster import ONE_BY_ONE, Cluster, Replayed
from scripts.scaling.simulated import replay

DAYS, HOURS, SLOTS = 180, 4.0, 30


@dataclass(frozen=True)
class Case:
    """A cluster and a policy."""

    cluster: Cluster
    policy: WavePolicy = ONE_BY_ONE


def one_in(number: int, what: float) -> dict[int, float]:
    """Every so manieth day, the last of them the last day."""
    return dict.fromkeys(range(number - 1, DAYS, number), what)


def failing(number: int) -> dict[int, int]:
    """Every so manieth day fails once."""
    return dict.fromkeys(one_in(number, 1), 1)


CASES: Mapping[str, Case] = {
    "one slot": Case(Cluster(slots=1)),
    "30 slots, waves of one day": Case(Cluster()),
    "60 slots": Case(Cluster(slots=60), replace(ONE_BY_ONE, at_once=60)),
    "180 slots": Case(Cluster(slots=180), replace(ONE_BY_ONE, at_once=180)),
    "2 at once, as a request has it by default": Case(Cluster(), WavePolicy()),
    "30 at once, and nothing said of waves": Case(Cluster(), WavePolicy(at_once=30)),
    "the same without a canary, and runs of before tell": Case(
        Cluster(runs_seen=3), WavePolicy(at_once=30, order=WaveOrder.OLDEST)
    ),
    "the same, and nothing was ever measured": Case(Cluster(), WavePolicy(at_once=30, order=WaveOrder.OLDEST)),
    "days of 4 minutes, 30 at once": Case(Cluster(hours=4 / 60), WavePolicy(at_once=30)),
    "the pool of 2 in `dagster.yaml`, 30 asked for": Case(Cluster(slots=2)),
    "a canary first": Case(Cluster(), replace(ONE_BY_ONE, order=WaveOrder.CANARY)),
    "waves of 6 days": Case(Cluster(), replace(ONE_BY_ONE, max_days=6)),
    "waves of 15 days": Case(Cluster(), replace(ONE_BY_ONE, max_days=15)),
    "a driver that looks every 10 s, days a second longer": Case(Cluster(hours=4 + 1 / 3_600, seconds_a_tick=10)),
    "a day fails once": Case(Cluster(fails={90: 1})),
    "a day fails twice": Case(Cluster(fails={90: 2})),
    "one day in ten fails once": Case(Cluster(fails=failing(10))),
    "every day fails once": Case(Cluster(fails=failing(1))),
    "the first day takes 5 times longer": Case(Cluster(slow={0: 5})),
    "the last day takes 5 times longer": Case(Cluster(slow={DAYS - 1: 5})),
    "one day in twenty does": Case(Cluster(slow=one_in(20, 5))),
    "the same in waves of 6 days": Case(Cluster(slow=one_in(20, 5)), replace(ONE_BY_ONE, max_days=6)),
    "a slot dies at hour 10": Case(Cluster(dies={0: 10})),
    "the same in waves of 6 days, one of which is lost": Case(Cluster(dies={0: 10}), replace(ONE_BY_ONE, max_days=6)),
    "ten slots die at hour 10": Case(Cluster(dies=dict.fromkeys(range(10), 10))),
    "a day kills its run, always": Case(Cluster(kills={0: 9})),
    "a day fails, always": Case(Cluster(fails={0: 9})),
    "`pace --at-once 10` at hour 8": Case(Cluster(told=[(8, Paced(10))])),
    "a pause from hour 8 to 14": Case(Cluster(told=[(8, Paced(paused=True)), (14, Paced(paused=False))])),
}


def replayed() -> dict[str, Replayed]:
    """Every case."""
    return {name: replay(case.cluster, case.policy, asks_ledger=False) for name, case in CASES.items()}


def ending(found: Replayed) -> str:
    """How it ended: all days, or how many until a person looks."""
    return f"{len(found.staged)} of {found.cluster.days}" + (
        ", a person looks" if isinstance(found.last, Stuck) else ""
    )
