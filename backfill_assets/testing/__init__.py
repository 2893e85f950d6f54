"""A testing kit for your own pytest: a lake in a folder, with a Dagster instance and a clock of its own.

Everything runs as it does in production, in this process: real tables, real runs, the same steps. Nothing outside of
the folder is written, and no notice is sent.
"""

from backfill_assets.testing.correction import TestCorrection
from backfill_assets.testing.killing import Killed, Writes
from backfill_assets.testing.lake import TestLake

__all__ = ["Killed", "TestCorrection", "TestLake", "Writes"]
