"""What a look at a strange table means for correcting it: a finding a line, and what has to change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backfill_assets.core.adoption import Feature, Finding, Look, Report, Subject, Weight
from backfill_assets.core.day_column import Days
from backfill_assets.core.partition_column import Spelling
from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import counted, listed, verb
from backfill_assets.storage.adopting import memory_needed

DAY_KINDS = "a date, text as YYYY-MM-DD or YYYYMMDD, or a timestamp"
MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a look is told: the column of the day where several could be it, keys, and measures.

    ``measures`` None takes every column of numbers that is no key for one.
    """

    day: str | None = None
    keys: tuple[str, ...] = ()
    measures: tuple[str, ...] | None = None


def judged(uri: str, look: Look, asked: Asked) -> Report:
    """The report of a look."""
    unjudged = Report(uri, look, ())
    findings = (
        *_partitioning(unjudged),
        *(_days(look.days) if look.days and look.days.spelling else ()),
        *_types(look),
        *_keys(look, asked),
        *_measures(look, asked),
        *_features(look.features),
        *_retention(look),
        _writers(look),
    )
    return Report(uri, look, findings)


def _partitioning(report: Report) -> Iterator[Finding]:
    look, days = report.look, report.look.days
    found = f"Partitioned by {', '.join(look.partition_columns) or 'nothing'}"
    if days is None or days.spelling is None:
        why = _no_day(look)
        change = f"Name with --day a column that is {DAY_KINDS}{', or write one' if days else ''}."
        yield Finding(Subject.PARTITIONING, Weight.CHANGE, f"{found}{why}.", change)
        return
    if days.grain is Grain.HOUR and days.spelling is not Spelling.UTC:
        told = f"{days.column} holds hours as {days.spelling.value}."
        yield Finding(Subject.PARTITIONING, Weight.NOTE, told, "The partitions of the asset have to be in UTC.")
    if days.begins:
        told = f"Days of {days.column} begin at {listed(days.begins)}."
        change = "The partitions of the asset have to have that time zone or offset."
        yield Finding(Subject.PARTITIONING, Weight.NOTE, told, change)
    if look.partition_columns == (days.column,) and not days.within:
        yield Finding(Subject.PARTITIONING, Weight.FINE, f"{found}, {days.spelling.value}.")
        return
    times = ", with times within the day" if days.within else ""
    told = f"{found}. {days.column} holds {days.spelling.value}{times}."
    yield Finding(Subject.PARTITIONING, Weight.REWRITE, told, _cost(report))


def _no_day(look: Look) -> str:
    if look.days:
        return f", and {look.days.column} ({look.columns[look.days.column].type}) names no day"
    if look.candidates:
        return f", and {listed(look.candidates)} could each be the day"
    return ", and no column says the day"


def _cost(report: Report) -> str:
    size, days = report.look.size, report.look.days
    made = report.made_column
    memory = memory_needed(len(days.slots) if days else 1, len(report.look.columns))
    column = f"a new column {made}" if made else days and days.column
    return (
        f"adopt --rewrite partitions it by {column}. It reads and writes {counted(size.rows, 'row')} "
        f"({amount(size.bytes)}), takes about {amount(memory)} of memory, and as much disk again until the old files "
        "are vacuumed."
    )


def amount(size: int) -> str:
    """Bytes as people read them.

    >>> amount(12_345_678), amount(0)
    ('12.3 MB', '0.0 kB')
    """
    units = {"GB": 10**9, "MB": 10**6}
    unit = next((unit for unit, least in units.items() if size >= least), "kB")
    return f"{size / units.get(unit, 1000):,.1f} {unit}"


def _days(days: Days) -> Iterator[Finding]:
    faults = [*_faults_of_days(days)]
    yield from faults
    slots, missing = days.slots, days.missing
    if not slots:
        yield Finding(Subject.DAYS, Weight.NOTE, "There are no rows.", "The first day is known once one is written.")
        return
    told = f"{counted(len(slots), days.grain.value)}, {slots[0]}..{slots[-1]}"
    if missing:
        lacking = f"{counted(len(missing), days.grain.value)} {verb(len(missing), 'is', 'are')} missing"
        change = "They stay missing until they are published or staged."
        yield Finding(Subject.DAYS, Weight.NOTE, f"{told}. {lacking} ({listed(missing)}).", change)
    else:
        yield Finding(Subject.DAYS, Weight.FINE, f"{told}, none missing{'' if faults else ' or doubled'}.")


def _faults_of_days(days: Days) -> Iterator[Finding]:
    column = days.column
    if days.without:
        told = f"{counted(days.without, 'row')} {verb(days.without, 'has', 'have')} no {column}."
        yield Finding(Subject.DAYS, Weight.CHANGE, told, f"Give them their day, or delete where {column} is null.")
    if days.strange:
        told = f"{counted(len(days.strange), 'value')} of {column} {verb(len(days.strange), 'names', 'name')} no day"
        named = listed([repr(value) for value in days.strange])
        yield Finding(Subject.DAYS, Weight.CHANGE, f"{told} ({named}).", "Give their rows a day.")
    doubled = [f"{day} as {' and '.join(texts)}" for day, texts in days.spellings.items() if len(texts) > 1]
    if doubled:
        told = f"{counted(len(doubled), 'day')} {verb(len(doubled), 'is', 'are')} doubled, under several spellings"
        change = f"Write their rows under one, {_spelled(days)}."
        yield Finding(Subject.DAYS, Weight.CHANGE, f"{told} ({listed(doubled)}).", change)
    elif days.spellings:
        otherwise = [text for texts in days.spellings.values() for text in texts]
        told = f"{counted(len(otherwise), 'value')} of {column} not written as {_spelled(days)}"
        change = "Write their rows as the others are."
        yield Finding(Subject.DAYS, Weight.CHANGE, f"{told} ({listed(otherwise)}).", change)


def _spelled(days: Days) -> str:
    return days.spelling.value if days.spelling else ""


def _types(look: Look) -> Iterator[Finding]:
    unknown = [f"{name} {one.type}" for name, one in look.columns.items() if not one.is_known]
    if unknown:
        told = f"{counted(len(unknown), 'column')} of a type that a staged version cannot hold ({listed(unknown)})."
        yield Finding(Subject.TYPES, Weight.CHANGE, told, "Write them as plain columns, or leave them out.")
    filled = [name for name, one in look.columns.items() if not one.is_nullable]
    if filled:
        told = f"{listed(filled)} may not be null, and a swap checks no file for that."
        yield Finding(Subject.TYPES, Weight.NOTE, told, "Declare it in the schema of the asset.")
    if not unknown:
        yield Finding(
            Subject.TYPES, Weight.FINE, f"{counted(len(look.columns), 'column')}, all of types that can be staged."
        )


def _keys(look: Look, asked: Asked) -> Iterator[Finding]:
    if look.keys is None:
        why = "their rows cannot be read as they are" if asked.keys else "none were named"
        change = "" if asked.keys else "Name them with --key, one at a time."
        yield Finding(Subject.KEYS, Weight.NOTE, f"Keys were not looked at, because {why}.", change)
        return
    seen = look.keys
    if seen.nulls:
        shown = [f"{name} in {counted(rows, 'row')}" for name, rows in seen.nulls.items()]
        yield Finding(
            Subject.KEYS, Weight.CHANGE, f"Keys are null ({listed(shown)}).", "Fill them, or delete those rows."
        )
    if seen.doubled:
        shown = [f"{day} {counted(number, 'time')}" for day, number in seen.doubled.items()]
        told = f"Rows share a key in {counted(len(shown), 'partition')} ({listed(shown)})."
        yield Finding(Subject.KEYS, Weight.CHANGE, told, "Name further --key columns, or delete the rows too many.")
    if not seen.nulls and not seen.doubled:
        yield Finding(
            Subject.KEYS,
            Weight.FINE,
            f"{', '.join(seen.columns)} {verb(len(seen.columns), 'identifies', 'together identify')} every row.",
        )


def _measures(look: Look, asked: Asked) -> Iterator[Finding]:
    numbers = [name for name, one in look.columns.items() if one.is_float or one.is_exact]
    others = {*asked.keys, *look.partition_columns, look.days.column if look.days else None}
    named = [name for name in numbers if name not in others] if asked.measures is None else [*asked.measures]
    floats = [name for name in named if look.columns[name].is_float]
    texts = [name for name in named if name not in numbers]
    if floats:
        told = f"{counted(len(floats), 'float measure')} ({listed(floats)}), whose sums depend on the order of rows."
        yield Finding(Subject.MEASURES, Weight.CHANGE, told, _cast(floats, guessed=asked.measures is None))
    if texts:
        shown = [f"{name} {look.columns[name].type}" for name in texts]
        change = "Leave them out of the measures, or write them as decimals or integers."
        yield Finding(Subject.MEASURES, Weight.CHANGE, f"Measures that are no numbers ({listed(shown)}).", change)
    if not floats and not texts:
        told = f"{counted(len(named), 'measure')} ({listed(named)}), summed exactly." if named else "No measures."
        yield Finding(Subject.MEASURES, Weight.FINE, told)


def _cast(floats: Sequence[str], *, guessed: bool) -> str:
    cast = f'Write pl.col("{floats[0]}").cast(pl.Decimal(38, 4))'
    also = " and the others alike" if len(floats) > 1 else ""
    named = ", or name the measures with --measure where it is none" if guessed else ", or leave it out of the measures"
    return f"{cast}{also} into a new table{named}."


def _features(features: Sequence[Feature]) -> Iterator[Finding]:
    harmful = [feature for feature in features if feature.harm]
    for feature in harmful:
        yield Finding(Subject.FEATURES, Weight.CHANGE, f"{feature.name}, {feature.harm}.", f"{feature.change}.")
    for feature in features:
        if not feature.harm:
            told = f"{feature.name} is on. Its readers see every swapped row deleted and inserted."
            yield Finding(Subject.FEATURES, Weight.NOTE, told)
    if not features:
        yield Finding(Subject.FEATURES, Weight.FINE, "None that forbids a swap.")


def _retention(look: Look) -> Iterator[Finding]:
    short = [f"{name} {text}" for name, text in look.history.short_retention.items()]
    if short:
        told = f"Too short for a roll back ({listed(short)})."
        yield Finding(Subject.RETENTION, Weight.ADOPT, told, "adopt sets it, by one commit that changes no row.")
    else:
        yield Finding(Subject.RETENTION, Weight.FINE, "Log and files are kept long enough.")


def _writers(look: Look) -> Finding:
    at = f" on {look.history.written_at:%Y-%m-%d}" if look.history.written_at else ""
    told = f"Last written by {look.history.written_by}{at}."
    return Finding(
        Subject.WRITERS, Weight.NOTE, told, "Whatever else writes corrected days afterwards is noticed, not prevented."
    )
