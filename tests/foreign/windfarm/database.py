"""The project's own IO manager: a DuckDB table an asset, its partitions replaced by the column that it names."""

import dagster as dg
import duckdb
import polars as pl


class Database(dg.ConfigurableIOManager):
    """Tables in one file, partitioned by the column of dates or times that an asset's metadata names."""

    path: str

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        table, column = context.asset_key.path[-1], context.definition_metadata["partition_expr"]
        with duckdb.connect(self.path) as database:
            database.execute(f"create table if not exists {table} as select * from obj limit 0")
            database.execute(f"delete from {table} where {column} >= $1 and {column} < $2", _window(context))
            database.execute(f"insert into {table} by name select * from obj")

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        table, column = context.asset_key.path[-1], context.upstream_output.definition_metadata["partition_expr"]
        with duckdb.connect(self.path, read_only=True) as database:
            query = f"select * from {table} where {column} >= $1 and {column} < $2"
            return database.sql(query, params=_window(context)).pl()


def _window(context: dg.InputContext | dg.OutputContext) -> list[object]:
    return [moment.replace(tzinfo=None) for moment in context.asset_partitions_time_window]
