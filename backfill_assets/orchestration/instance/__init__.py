"""The Dagster instance: resources, storages, limits, tags, runs and processes."""
