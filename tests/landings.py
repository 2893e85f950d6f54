"""What tests of landed files have below one folder."""

from dataclasses import dataclass
from pathlib import Path

from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class LandingAndLake:
    """A landing and a lake below one folder."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def records(self) -> Records:
        return Records(Lake(str(self.root / "lake")))
