"""Consumers: what Dagster runs to read a log on into a correctable table."""
