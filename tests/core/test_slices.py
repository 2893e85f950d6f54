"""What thin slices foretell, on made-up faults: the interval holds whatever they say. The next fault is one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from statistics import mean

import polars as pl
import pytest

from backfill_assets.core.drawing import Estimated, draw, estimate, sizes_of
from backfill_assets.core.effects import exact
from backfill_assets.core.slices import Foreseen, Sliced, beside_live, foresee
from backfill_assets.core.slots import Slot

DAYS = [date(2026, 1, 5) + timedelta(days=n) for n in range(90)]
GROUPS = ["big", *(f"small {n}" for n in range(9))]
KEYS = ["day", "group"]
PART, SEEDS, FEW = 16, 200, 5


@dataclass(frozen=True)
class Fault:
    """How the wrong code differs: the factor on an amount's revenue by day and group, and the rows that it lost."""

    factor: Callable[[int, str], float] = lambda _day, _group: 1.0
    loses: Callable[[int, int], bool] = lambda _day, _row: False
    single_rows: bool = False


def weather(day: int, group: str) -> float:
    """Every day another factor, on Sundays none, as of rates that are a day late."""
    return 1.0 if day % 7 == 6 else 1 + Random(f"{day}{group == 'big'}").gauss(0, 0.006)


FAULTS = {
    "a rate that is a day late": Fault(weather),
    "the same share too much on each day": Fault(lambda _day, _group: 1.03),
    "one group in another unit": Fault(lambda _day, group: 1.2 if group == "small 3" else 1.0),
    "wrong in the last third": Fault(lambda day, _group: 1.01 if day >= 60 else 1.0),
    "rows that are left out": Fault(loses=lambda day, row: (day * 7 + row) % 23 == 0),
    "a rate that is a day late, on single rows": Fault(weather, single_rows=True),
}
FORETOLD = FAULTS.keys() - {"rows that are left out", "one group in another unit"}


@dataclass(frozen=True)
class World:
    """Live and what the code makes of the source now, by day, and what slices of it foretell."""

    net: Mapping[Slot, Fraction]
    gross: Mapping[Slot, Fraction]
    foreseen: Mapping[str, Foreseen]
    sizes: Mapping[Slot, int]

    def few(self, seed: int, which: str) -> Estimated:
        """What five days say that are drawn by the slices."""
        effects, known = getattr(self, which), self.foreseen.get("revenue", Foreseen())
        drawn = draw(self.sizes, FEW, str(seed))
        return estimate(
            drawn, {one.slot: effects[one.slot] for one in drawn}, exact(getattr(known, which)), trust=known.trust
        )

    def even(self, seed: int, which: str) -> Estimated:
        """What five days say that are drawn all alike."""
        effects = getattr(self, which)
        drawn = draw(dict.fromkeys(effects, 1), FEW, str(seed))
        return estimate(drawn, {one.slot: effects[one.slot] for one in drawn})


def source(fault: Fault) -> pl.DataFrame:
    """Rows of amounts, more on some days than on others, with what right and wrong code make of each."""
    chance, rows = Random(1), list[tuple[object, ...]]()
    for number, day in enumerate(DAYS):
        for row in range(0 if number % 7 == 5 else chance.randint(150, 400)):
            group = "big" if chance.random() < 0.8 else chance.choice(GROUPS)
            amount = round(chance.lognormvariate(3, 1), 2)
            wrong = 0.0 if fault.loses(number, row) else amount * 1.25 * fault.factor(number, group)
            rows.append((day, group, row, amount * (not fault.loses(number, row)), amount, wrong, amount * 1.25))
    names = ["day", "group", "row", "amount old", "amount new", "revenue old", "revenue new"]
    return pl.DataFrame(rows, schema=names, orient="row")


def made(rows: pl.DataFrame, side: str, keys: list[str]) -> pl.DataFrame:
    """The table as one code makes it of some rows."""
    renamed = {f"{name} {side}": name for name in ("amount", "revenue")}
    return rows.group_by(keys).agg(pl.col(list(renamed)).sum()).rename(renamed)


def world_of(fault: Fault) -> World:
    rows, keys = source(fault), [*KEYS, "row"] if fault.single_rows else KEYS
    live, now = made(rows, "old", keys), made(rows, "new", keys)
    change = live.join(now, on=keys, suffix=" now").select("day", moved=pl.col("revenue now") - pl.col("revenue"))
    sums = change.group_by("day").agg(net=pl.col("moved").sum(), gross=pl.col("moved").abs().sum())
    none = dict.fromkeys(DAYS, Fraction(0))
    net, gross = (none | exact(dict(sums.select("day", which).iter_rows())) for which in ("net", "gross"))
    volumes = live.group_by("day").agg(pl.col("amount", "revenue").abs().sum())
    at = rows.with_row_index("at").with_columns(half=pl.col("at").hash(3) % (2 * PART))
    halves = [made(at.filter(pl.col("half") == half), "new", keys).lazy() for half in (0, PART)]
    beside = beside_live(live.lazy(), (halves[0], halves[1]), keys).collect()
    foreseen = foresee(Sliced("day", tuple(keys[1:]), ("amount", "revenue"), beside, volumes))
    signals = [one.signal for one in foreseen.values()]
    return World(net, gross, foreseen, sizes_of(DAYS, signals, [dict(volumes.select("day", "revenue").iter_rows())]))


@pytest.fixture(scope="module", params=FAULTS)
def world(request: pytest.FixtureRequest) -> tuple[str, World]:
    return request.param, world_of(FAULTS[request.param])


@pytest.mark.parametrize("which", ["net", "gross"])
def test_five_days_of_ninety_tell_of_all(which: str, world: tuple[str, World]):
    fault, found = world
    truth = sum(getattr(found, which).values())
    few = [found.few(seed, which) for seed in range(SEEDS)]
    even = [found.even(seed, which) for seed in range(SEEDS)]
    covered = sum(one.least <= truth <= one.most for one in few) / SEEDS
    ratio = mean(one.half_width or 0 for one in few) / mean(one.half_width or 0 for one in even)

    assert covered >= 0.90
    if fault in FORETOLD:
        assert ratio <= 0.5


def test_slices_say_whether_they_are_to_be_trusted(world: tuple[str, World]):
    fault, found = world
    assert ("revenue" in found.foreseen) is (fault in FORETOLD)


def test_where_nothing_is_foretold_days_are_drawn_nearly_alike():
    seen = Sliced("day", (), ("amount",), pl.DataFrame(schema={"day": pl.Date, "amount": pl.Float64}), pl.DataFrame())
    assert foresee(seen) == {}
    assert foresee(Sliced("day", (), (), pl.DataFrame({"day": DAYS[:1]}), pl.DataFrame())) == {}
