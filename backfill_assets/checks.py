"""Proofs of a correction: checks at step 5, looks at the sources at step 2, and what they need to be exact."""

from backfill_assets.core.check import Check, Clause, Problem, counted
from backfill_assets.core.exact import Precision, agrees, exactly, from_units, half_unit, scales_of
from backfill_assets.core.proofs import Control, closer_to_ledger, control_totals, sample_rederived
from backfill_assets.core.sampling import Cell, Sample, SampledRow, proof_sample, sample_size, sampling_order
from backfill_assets.orchestration.asset.own_checks import from_check
from backfill_assets.runbook.correctable_table import Evidence
from backfill_assets.storage.proofs import Samples

__all__ = [
    "Cell",
    "Check",
    "Clause",
    "Control",
    "Evidence",
    "Precision",
    "Problem",
    "Sample",
    "SampledRow",
    "Samples",
    "agrees",
    "closer_to_ledger",
    "control_totals",
    "counted",
    "exactly",
    "from_check",
    "from_units",
    "half_unit",
    "proof_sample",
    "sample_rederived",
    "sample_size",
    "sampling_order",
    "scales_of",
]
