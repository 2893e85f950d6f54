"""A transform in SQL, run by DuckDB or by Polars over the pinned sources of a correctable asset."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from backfill_assets.errors.setup import needs_extra
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.orchestration.asset.siblings import CorrectableAsset, correctable_asset
from backfill_assets.orchestration.asset.source import AnySource
from backfill_assets.orchestration.instance.naming import SourceKey

Engine = Literal["duckdb", "polars"]


def correctable_sql(
    sql: str | Path,
    *,
    name: str,
    sources: Sequence[str] | Mapping[str, SourceKey | AnySource],
    engine: Engine = "duckdb",
    carries_state: str | Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> CorrectableAsset:
    """A correctable asset whose rows are the result of one query.

    DuckDB runs in UTC and may read nothing but the sources, so that what a day was computed from is known.

    Args:
        sql: one SELECT, as text or as the path of a file.
        name: how the live asset is called; ``key_prefix`` is one of the options.
        sources: the names of the assets that the query reads, or the names it uses for them and their keys.
        engine: ``duckdb``, which needs the extra ``sql``, or ``polars``.
        carries_state: as in :func:`correctable_asset`, where the query calls the rows of the slot before by this name.
        options: as :func:`correctable_asset` takes them: partitions, keys, measures, schema and the rest.

    Raises:
        TransformUnusable: when the text is no single query, or the engine is unknown.
        ExtraMissing: when DuckDB is not installed.
    """
    text = sql.read_text(encoding="utf-8") if isinstance(sql, Path) else sql
    if engine not in get_args(Engine):
        raise TransformUnusable(name, f"the engine {engine!r} is unknown", "Choose duckdb or polars.")
    run = (_by_duckdb if engine == "duckdb" else _by_polars)(name, text)
    keys: dict[str, SourceKey | AnySource] = (
        dict(sources) if isinstance(sources, Mapping) else {source: source for source in sources}
    )

    def query(**frames: pl.LazyFrame) -> pl.DataFrame:
        return run(frames)

    kind = inspect.Parameter.KEYWORD_ONLY
    state = [carries_state] if isinstance(carries_state, str) else [*(carries_state or ())]
    named = [inspect.Parameter(parameter, kind) for parameter in dict.fromkeys([*keys, *state])]
    vars(query)["__signature__"] = inspect.Signature(named)
    query.__name__, query.__doc__ = name, f"```sql\n{text.strip()}\n```"
    version = hashlib.sha256(f"{engine}\n{text}".encode()).hexdigest()[:12]
    told = {"code_version": version, "kinds": {"deltalake", engine}, "name": name, **options}
    return correctable_asset(sources=keys, carries_state=carries_state, **told)(query)


def _by_polars(name: str, text: str) -> Callable[[Mapping[str, pl.LazyFrame]], pl.DataFrame]:
    if not text.strip():
        raise TransformUnusable(name, "its query is empty", "Write one SELECT.")

    def run(frames: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
        return pl.SQLContext(frames=dict(frames)).execute(text).collect(engine="streaming")

    return run


def _by_duckdb(name: str, text: str) -> Callable[[Mapping[str, pl.LazyFrame]], pl.DataFrame]:
    with needs_extra("sql", f"The query of {name}"):
        import duckdb  # noqa: PLC0415 - of an extra
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        why = f"DuckDB cannot read its query, {str(error).splitlines()[0].replace(': ', ', ')!r}"
        raise TransformUnusable(name, why, "Correct the query.") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise TransformUnusable(name, "its text is not one SELECT", "Write one query that returns the rows.")

    def run(frames: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
        with duckdb.connect(config={"enable_external_access": "false"}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for source, frame in frames.items():
                connection.register(source, frame.collect(engine="streaming"))
            return pl.DataFrame(connection.sql(text))

    return run
