"""Dagster at the edge: siblings, IO manager, steps, driver, and the builder around anyone's own asset."""

import warnings

import dagster as dg

# Backfill policies are pinned and tested here, and Dagster says that they are beta once for every asset.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message="Parameter `backfill_policy`")
warnings.filterwarnings("ignore", category=dg.BetaWarning, message="Parameter `owners` of initializer `S")
