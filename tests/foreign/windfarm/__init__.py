"""A wind farm's telemetry: hours in UTC, energy by hour and rolled up by day, kept in DuckDB by `partition_expr`."""
