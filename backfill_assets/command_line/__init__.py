"""The command ``backfill-assets``."""

from backfill_assets.command_line.garbage import look_hardly

look_hardly()

from backfill_assets.command_line.commands import app  # noqa: E402 - what is imported is most of what stays

__all__ = ["app"]
