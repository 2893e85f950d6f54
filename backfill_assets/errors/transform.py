"""Refusals of what somebody's transform is, takes or returns."""

from collections.abc import Collection, Mapping, Sequence

from backfill_assets.errors.base import BadInput, as_words, listed


class TransformUnusable(BadInput):
    """A function cannot be a transform; ``why`` is the middle of a sentence, ``instead`` a whole one."""

    def __init__(self, name: str, why: str, instead: str) -> None:
        super().__init__(f"{name} cannot be a correctable asset, because {why}. Nothing was loaded. {instead}")


class FrameUnknown(BadInput):
    """A transform returned something that is no frame."""

    def __init__(self, table: str, kind: str) -> None:
        super().__init__(
            f"The transform of {table} returned {kind}, which is no frame. Nothing was written. "
            "Return a Polars, pandas or Arrow table, a relation of DuckDB, or anything with the Arrow stream interface."
        )


class InputKindUnknown(BadInput):
    """A parameter of an asset is annotated as what no table of the lake can be given as."""

    def __init__(self, asset: str, read: str, kind: str, known: str) -> None:
        super().__init__(
            f"{asset} takes {read} as {kind}, which no table of the lake can be given as. Nothing was read or built. "
            f"Annotate the parameter as {known}, or not at all."
        )


class TypesUnfit(BadInput):
    """Columns of a frame are of types that Delta lacks, or hold values that its types do not."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        named = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
        super().__init__(
            f"A Delta table cannot hold every value of {named}. Nothing was written. "
            "Cast these columns in the transform, such as integers to Int64 and timestamps to microseconds."
        )


class MeasuresInexact(BadInput):
    """A transform returned measures that cannot be summed exactly."""

    def __init__(self, table: str, columns: Mapping[str, str]) -> None:
        named = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
        name = next(iter(columns))
        super().__init__(
            f"The transform of {table} returned measures that are neither decimals nor integers, {named}. "
            "Nothing was written, because sums of them would differ from run to run. "
            f'Cast each in the transform, such as pl.col("{name}").cast(pl.Decimal(38, 4)) in Polars or '
            f"cast({name} as decimal(38, 4)) in SQL."
        )


class ColumnsNotReturned(BadInput):
    """A transform did not return columns that its declaration names."""

    def __init__(self, table: str, missing: Sequence[str], returned: Sequence[str]) -> None:
        super().__init__(
            f"The transform of {table} did not return {', '.join(missing)}. Nothing was written. "
            f"Return every key, measure and the column of the partitions; it returned {', '.join(returned) or 'none'}."
        )


class RowsOfOtherDays(BadInput):
    """A transform returned rows of days that its run is not about, or ``unread`` rows of no day, as ``example``."""

    def __init__(
        self, table: str, column: str, days: Collection[object], example: object, unread: int, noun: str = "day"
    ) -> None:
        value = as_words(str(example))
        found = [f"of {listed(days)}"] if days else []
        found += [f"whose {column} is {value}, which is the beginning of none"] if unread else []
        super().__init__(
            f"The transform of {table} returned rows {' and rows '.join(found)}, and this run is about other {noun}s. "
            f"None of the {noun}s it was run with was written. Return rows of the {noun}s that were given, with the "
            f"beginning of each in {column}."
        )


class AuditImpossible(BadInput):
    """A transform takes Dagster's context, which an audit does not have."""

    def __init__(self, table: str, parameter: str, noun: str = "day") -> None:
        super().__init__(
            f"An audit of {table} cannot recompute its {noun}s, because the transform takes {parameter}, and an audit "
            "is not a run of the asset. Nothing was loaded. Take what it needs from a config or a resource, or leave "
            "audit() out."
        )
