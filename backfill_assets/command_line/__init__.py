"""The command ``backfill-assets``."""

from backfill_assets.command_line.commands import app

__all__ = ["app"]
