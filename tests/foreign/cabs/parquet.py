"""The project's own IO manager: a folder of Parquet files an asset, one for each day or month."""

from pathlib import Path

import dagster as dg
import polars as pl


class ParquetFiles(dg.ConfigurableIOManager):
    """Files named by the start of their partition."""

    root: str

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        folder = Path(self.root, *context.asset_key.path)
        folder.mkdir(parents=True, exist_ok=True)
        for (day,), rows in obj.partition_by("day", as_dict=True).items():
            rows.write_parquet(folder / f"{day}.parquet")

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        folder = Path(self.root, *context.asset_key.path)
        return pl.concat(pl.read_parquet(folder / f"{key}.parquet") for key in context.asset_partition_keys)
