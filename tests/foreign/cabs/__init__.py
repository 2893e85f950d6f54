"""A cab company's analytics: Parquet exports, a fact in SQL run by DuckDB, monthly reports in a time zone."""
