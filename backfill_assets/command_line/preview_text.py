"""What a preview tells people: on a terminal, and as the comment for a pull request."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.printing import print_stale, took
from backfill_assets.core.drawing import Estimated, may_be_missed
from backfill_assets.core.formats import DASH, amount, marked, percent
from backfill_assets.core.formats import told as said
from backfill_assets.core.preview import ROWS, Effect, PartitionEffect, Preview, Recomputed, in_decimals
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import counted, days_listed, listed, verb

if TYPE_CHECKING:
    from backfill_assets.runbook.stale_readers import StaleReader

CENTS = 2
MOST_DRAWN = 20
Row = tuple[str, ...]


def print_preview(console: Console, found: Preview, request: str, stale: Sequence["StaleReader"] = ()) -> None:
    """The preview on a terminal."""
    for sentence in lead(found):
        console.print(sentence, soft_wrap=True)
    for table in (_drawn(found), _effects(found), _reports(found)):
        if len(table) > 1:
            console.print()
            console.print(_as_table(table))
    console.print()
    for sentence in details(found):
        console.print(sentence, soft_wrap=True)
    print_stale(console, stale)
    if request:
        console.print()
        console.print(request, soft_wrap=True)


def as_markdown(found: Preview, request: str, stale: Sequence["StaleReader"] = (), *, of_code: bool) -> str:
    """The comment for a pull request."""
    would = "would change" if found.changed else "would not change"
    what = f"History of `{found.table}` {would}" if of_code else f"The correction of `{found.table}` {would} it"
    parts = [f"### {what}", marked(" ".join(lead(found)))]
    parts += [_as_markdown(table) for table in (_effects(found), _reports(found), _drawn(found)) if len(table) > 1]
    parts.append("\n".join(f"- {marked(one)}" for one in (*details(found), *(each.sentence for each in stale))))
    if request:
        told = f"```yaml\n{request}\n```"
        summary = "The request that would correct it" if of_code else "The request with measured limits"
        parts.append(f"<details><summary>{summary}</summary>\n\n{told}\n\n</details>")
    return "\n\n".join(parts)


def counted_drawn(found: Preview) -> str:
    """How many slots were computed, of how many."""
    return f"{len(found.drawn):,} of {counted(found.slots, found.window.grain.value)}"


def lead(found: Preview) -> list[str]:
    """What was done and what it showed, in sentences."""
    noun, drawn, changed = found.window.grain.value, len(found.drawn), len(found.changed)
    were = verb(drawn, "was", "were")
    told = [f"{counted_drawn(found)} of {found.table} ({found.window}) {were} computed in memory. Nothing was opened."]
    if changed:
        told.append(f"{changed:,} of {counted(drawn, noun)} {verb(changed, 'differs', 'differ')} from live.")
    elif found.is_whole:
        told.append(f"No {noun} differs from live.")
    else:
        missed = f"{may_be_missed(drawn):.0%}"
        told.append(f"None of the drawn {noun}s differs. A change of fewer than {missed} of them may have been missed.")
    return told


def details(found: Preview) -> list[str]:
    """How the slots were drawn, what could not be computed, what was declared and does not hold, and the cost."""
    noun = found.window.grain.value
    told = [] if found.is_whole else [_how_drawn(found, noun)]
    other = [one.slot for one in found.drawn if one.from_other_inputs]
    if other:
        was = verb(len(other), "was", "were")
        told.append(f"{days_listed(other, noun=noun)} {was} published from other inputs than there are now.")
    versions = dict.fromkeys(one.by or "somebody else" for one in found.drawn)
    if len(versions) > 1:
        told.append(f"The {noun}s that were computed are live as {listed([*versions])} published them.")
    alike: dict[str, list[Slot]] = {}
    for slot, why in found.unable.items():
        alike.setdefault(why.replace(str(slot), ""), []).append(slot)
    told += [
        f"{days_listed(slots, noun=noun)} cannot be computed. {found.unable[slots[0]]}" for slots in alike.values()
    ]
    told += [f"Not as expected. {said(sentence)}" for sentence in found.failing]
    cost = found.cost
    told.append(
        f"Staging {counted(found.slots, noun)} takes about {took(cost.seconds)}, {took(cost.run_seconds)} of runs, "
        f"at {cost.per_slot:.2g} s a {noun} as measured here."
    )
    return told


def _how_drawn(found: Preview, noun: str) -> str:
    foretold = [one for one in found.effects if one.trust and one.gross.total]
    if not foretold:
        return (
            f"Nothing told beforehand where the change is large, so half of the chance to be drawn was the same for "
            f"every {noun}, and the other half by how much live holds."
        )
    names = listed([one.name for one in foretold])
    return (
        f"Thin slices of every {noun} foretold the change of {names} ({max(one.trust for one in foretold):.0%} alike), "
        f"so {noun}s with a large one were drawn likelier. The estimates have no bias, whether that was right or not."
    )


# ---- tables, as rows of text


def _drawn(found: Preview) -> list[Row]:
    name = found.main.name
    sums = () if name == ROWS else (f"{name} before", "now", "change")
    shown = sorted(found.drawn, key=lambda one: (-one.gross_of(name), one.slot))[:MOST_DRAWN]
    head = (found.window.grain.value, *(() if found.is_whole else ("stands for",)), "rows", "differ", *sums)
    return [head, *(_drawn_row(found, one, name) for one in sorted(shown, key=lambda one: one.slot))]


def _drawn_row(found: Preview, one: Recomputed, name: str) -> Row:
    weight = () if found.is_whole else (f"{float(one.drawn.weight):.1f}",)
    sums: Row = ()
    if name != ROWS:
        moved = one.compared.sums[name]
        sums = (_rounded(moved.old), _rounded(moved.new), _rounded(moved.change, sign=True) if moved.change else DASH)
    return (str(one.slot), *weight, f"{one.compared.rows_new:,}", f"{one.rows_changed:,}", *sums)


def _effects(found: Preview) -> list[Row]:
    """Net and gross of what changes."""
    if not found.changed:
        return []
    ends = () if found.is_whole else ("from", "to")
    rows: list[Row] = [("", "net" if found.is_whole else "estimate", *ends, "of what is live")]
    for one in found.effects:
        name = "rows more or less" if one.name == ROWS else f"{one.name}, net"
        gross = "rows that differ" if one.name == ROWS else f"{one.name}, gross"
        of_all = float(one.gross.total) / abs(float(one.before)) if one.before else None
        for told, amounts, share in ((name, one.net, one.share), (gross, one.gross, of_all)):
            if not amounts.is_nothing:
                ends = _estimate(one, amounts, whole=found.is_whole, sign=amounts is one.net)
                rows.append((told, *ends, _percent(share, sign=amounts is one.net)))
    return rows


def _estimate(effect: Effect, found: Estimated, *, whole: bool, sign: bool) -> Row:
    """The estimate with both ends, unless every slot was computed."""
    scale = min(effect.scale, CENTS)
    total = _rounded(found.total, scale, sign=sign)
    if whole:
        return (total,)
    return (total, *(DASH if end is None else _rounded(end, scale, sign=sign) for end in (found.least, found.most)))


def _reports(found: Preview) -> list[Row]:
    if not found.reports:
        return []
    rows: list[Row] = [("report", "partitions", "what they read changes most in")]
    for one in found.reports:
        largest = ", ".join(map(_partition, one.largest)) or DASH
        rows.append((one.report, f"{one.partitions:,}", largest))
    return rows


def _partition(one: PartitionEffect) -> str:
    within = f" ± {_percent(one.half_width, sign=False)}" if one.half_width else ""
    return f"{one.key} {_percent(one.share)}{within}"


def _as_table(rows: Sequence[Row]) -> Table:
    table = Table(box=None)
    for number, heading in enumerate(rows[0]):
        is_long = heading.startswith("what")
        is_text = number == 0 or is_long
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold", no_wrap=not is_long)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _as_markdown(rows: Sequence[Row]) -> str:
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---", *("---:" for _ in rows[0][1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


# ---- figures


def _rounded(value: Decimal | Fraction | float, scale: int = CENTS, *, sign: bool = False) -> str:
    return amount(in_decimals(value, scale), signed=sign, places=scale)


def _percent(share: float | None, *, sign: bool = True) -> str:
    return DASH if share is None else percent(Fraction(share), signed=sign)
