"""Frames of anybody: what an asset returned as one of ours, and ours as the frame that a parameter is annotated as."""

import inspect
import sys
from collections.abc import Callable, Collection
from functools import partial
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import dagster as dg
import polars as pl

from backfill_assets.core.delta_types import MOST_DIGITS, to_delta
from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.setup import needs_extra
from backfill_assets.errors.transform import FrameUnknown, InputKindUnknown
from backfill_assets.storage.schema import unstageable

Giver = Callable[[pl.LazyFrame], Any]
FRAMES_GIVEN = "pl.LazyFrame, pl.DataFrame, pandas.DataFrame or pyarrow.Table"
# pandas keeps a column of integers with nulls as floats unless it is told the type.
NULLABLE = {f"{sign}int{bits}": f"{sign.upper()}Int{bits}Dtype" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def frame_of(table: str, made: Any) -> pl.DataFrame:
    """What a transform returned as a frame, in types that Delta has.

    Lazy frames are collected by the streaming engine. Everything else is read by the Arrow stream interface, which
    Polars, pandas, Arrow tables and relations of DuckDB have.

    Raises:
        FrameUnknown, TypesUnfit: when it is none, or holds what no Delta table can.
    """
    return to_delta(_read(table, made))


def storable(table: str, made: Any) -> pl.DataFrame:
    """What any other asset returned as a frame, of which only the columns change type that no Delta table can hold.

    Raises:
        FrameUnknown, TypesUnfit: as :func:`frame_of`.
    """
    frame = _read(table, made)
    return frame.with_columns(to_delta(frame.select(unstageable(frame.schema))).get_columns())


def _read(table: str, made: Any) -> pl.DataFrame:
    if isinstance(made, pl.LazyFrame):
        return made.collect(engine="streaming")
    if isinstance(made, pl.DataFrame):
        return made
    if isinstance(made, pl.Series) or not hasattr(made, "__arrow_c_stream__"):
        raise FrameUnknown(table, "nothing" if made is None else f"a {type(made).__name__}")
    frame = pl.DataFrame(made)
    if type(made).__module__.partition(".")[0] == "pandas":
        # pandas keeps decimals as objects: how many digits they may have is nowhere, only how many those here have.
        frame = frame.with_columns(
            pl.col(name).cast(pl.Decimal(MOST_DIGITS, kind.scale))
            for name, kind in frame.schema.items()
            if isinstance(kind, pl.Decimal) and kind.scale
        )
    return frame


def giver_of(kind: Any) -> Giver | None:
    """How a table is given where something is annotated as a kind; None where it cannot be given so.

    Without an annotation, and where its text could not be read, it is given as a lazy frame. What may also be None is
    given as what it is otherwise.
    """
    if kind in {inspect.Parameter.empty, Any} or isinstance(kind, str):
        return _lazy
    if get_origin(kind) in {Union, UnionType}:
        (kind, *others) = [one for one in get_args(kind) if one is not NoneType]
        return None if others else giver_of(kind)
    pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
    givers: dict[Any, Giver] = {pl.LazyFrame: _lazy, pl.DataFrame: _eager}
    # A class that something is annotated as has been imported.
    if pandas is not None:
        givers[pandas.DataFrame] = partial(_of_pandas, pandas)
    if arrow is not None:
        givers[arrow.Table] = _arrow
    return givers.get(kind) if isinstance(kind, type) else None


def refuse_inputs(asset: dg.AssetsDefinition, name: str, kept: Collection[dg.AssetKey]) -> None:
    """Refuse an asset one of whose parameters is annotated as what no table that the lake keeps can be given as.

    Raises:
        InputKindUnknown: naming the parameter's asset and what it is annotated as.
    """
    for parameter, key in asset.keys_by_input_name.items():
        told = asset.node_def.input_dict.get(parameter)
        if told is None or key not in kept or told.input_manager_key or told.dagster_type.is_nothing:
            continue
        if giver_of(told.dagster_type.typing_type) is None:
            raise InputKindUnknown(name, key.to_user_string(), kind_told(told.dagster_type.typing_type), FRAMES_GIVEN)


def kind_told(kind: Any) -> str:
    """What something is annotated as, for a sentence."""
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else in_one_line(str(kind))


def _lazy(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame


def _eager(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")


def _arrow(frame: pl.LazyFrame) -> Any:
    with needs_extra("object-store", "Giving a table as an Arrow table"):
        return _eager(frame).to_arrow()


def _of_pandas(pandas: Any, frame: pl.LazyFrame) -> Any:
    """As pandas itself reads Parquet, except that integers with nulls stay integers."""
    table = _arrow(frame)
    with_nulls = {column.type for column in table.columns if column.null_count}
    told = {kind: getattr(pandas, NULLABLE[str(kind)])() for kind in with_nulls if str(kind) in NULLABLE}
    return table.to_pandas(types_mapper=told.get)


def validated(validate: Callable[[pl.DataFrame], Any], frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as a schema's ``validate`` returns it, once all rules hold, whatever the process has set Pandera to.

    ``PANDERA_VALIDATION_ENABLED``, ``PANDERA_VALIDATION_DEPTH`` and ``pandera.config`` can switch rules off, or hand
    back the frame unseen. Pandera is there already when one of its schemas is, and is not loaded otherwise.
    """
    pandera = sys.modules.get("pandera.config")
    if pandera is None:
        return validate(frame)
    with pandera.config_context(validation_enabled=True, validation_depth=pandera.ValidationDepth.SCHEMA_AND_DATA):
        return validate(frame)
