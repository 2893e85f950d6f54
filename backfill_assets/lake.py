"""The lake as one may read it and keep tables of one's own in it."""

from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.outbox import Delivery
from backfill_assets.storage.publications import Publication
from backfill_assets.storage.records import Records
from backfill_assets.storage.replacing import create_text, replace_files, replace_text
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Change, Table

__all__ = [
    "Build",
    "Change",
    "ControlTable",
    "DataFile",
    "Delivery",
    "Folder",
    "Manifest",
    "Publication",
    "Records",
    "Snapshot",
    "Table",
    "create_text",
    "in_threads",
    "replace_files",
    "replace_text",
]
