"""What to correct after a broker has lost messages: the days between what was read of them and what is there."""

from collections.abc import Collection
from typing import Any

import polars as pl

from backfill_assets.errors.topics import Gone
from backfill_assets.runbook.request import request_text
from backfill_assets.sources.messages import OFFSET, PARTITION
from backfill_assets.sources.topic_log import TopicLog
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records


def request_after_loss(records: Records, log: TopicLog, table: str, gone: Collection[Gone]) -> str:
    """The request of a correction of a table over the days that lost messages may have been of, to be looked at.

    From the day of the last message that was read of each partition, or the first there is, to the newest.
    """
    last_read = [(pl.col(PARTITION) == one.partition) & (pl.col(OFFSET) == one.wanted - 1) for one in gone]
    rows = records.snapshot(log.table).scan()
    found = rows.filter(pl.any_horizontal(last_read)).select(DAY).collect()[DAY]
    days = sorted(records.days(log.table))
    first = min(found) if len(found) == len(gone) else days[0]
    lost = "; ".join(str(one) for one in sorted(gone))
    request: dict[str, Any] = {
        "table": table,
        "window": {"first": first, "last": days[-1]},
        "reason": f"Messages of the topic {log.topic} were lost before they were read, and landed as files.",
        "watchers": [],
        "approval": "manual",
    }
    return request_text(f"# Lost of {log.topic}, {lost}. Land the files of the days that lack any first.", request)
