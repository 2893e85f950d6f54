"""The code location around the table; what is booked lies in a table of the same writer, outside of the lake."""

import os

import dagster as dg
import polars as pl

import backfill_assets as ba

BOOKED = ba.DeltaSource(os.environ.get("BOOKED", "booked"), day="date")


@ba.correctable_asset(
    partitions_def=dg.DailyPartitionsDefinition("2025-01-01"),
    day="date",
    keys=["hotel"],
    measures=["nights", "revenue"],
    sources={"booked": BOOKED},
)
def bookings(booked: pl.LazyFrame) -> pl.LazyFrame:
    return booked.select("date", "hotel", "nights", "revenue")


defs = dg.Definitions.merge(
    dg.Definitions(resources=ba.lake_resources()),
    ba.build_correction_definitions(bookings),
)
