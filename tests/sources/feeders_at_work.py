"""What a process does that feeds a raw log from a topic, beside others that do the same; any of them may be killed."""

import os
import time
from contextlib import suppress
from pathlib import Path

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.topics import AT, KEY, payments


def work(address: str, topic: str, root: str, enough: str) -> None:
    """Feed until there is a file that says that it is enough."""
    os.environ["BACKFILL_KAFKA_BOOTSTRAP_SERVERS"] = address
    while not Path(enough).exists():
        with suppress(BackfillAssetsError):
            payments(topic).feed(Records(Lake(root)), KEY, AT)
        time.sleep(0.01)
