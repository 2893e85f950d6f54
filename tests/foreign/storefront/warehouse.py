"""The project's own IO manager: a Delta table an asset, its partitions replaced by predicate."""

from pathlib import Path

import dagster as dg
import polars as pl
from deltalake import DeltaTable, write_deltalake


class Warehouse(dg.ConfigurableIOManager):
    """Tables in folders named by the parts of the asset's key, partitioned by the column that its metadata names."""

    root: str

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        window = context.asset_partitions_time_window
        path = Path(self.root, *context.asset_key.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        day = context.definition_metadata["partition_expr"]
        if not DeltaTable.is_deltatable(str(path)):
            write_deltalake(str(path), obj.head(0), partition_by=[day])
        rows = f"{day} >= '{window.start:%Y-%m-%d}' and {day} < '{window.end:%Y-%m-%d}'"
        write_deltalake(str(path), obj, mode="overwrite", predicate=rows)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        window = context.asset_partitions_time_window
        day = pl.col(context.upstream_output.definition_metadata["partition_expr"])
        table = pl.scan_delta(str(Path(self.root, *context.asset_key.path)))
        return table.filter(day >= window.start.date(), day < window.end.date()).collect()
