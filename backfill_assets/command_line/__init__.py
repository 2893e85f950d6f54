"""The command ``backfill-assets``."""

import gc

# A code location is 400,000 objects that stay. Looked through as often as Python would, they are a fifth of a start.
gc.set_threshold(500_000, 10, 100)

from backfill_assets.command_line.commands import app  # noqa: E402 - what is imported is most of what stays

__all__ = ["app"]
