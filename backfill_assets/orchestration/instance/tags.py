"""Every run tag, metadata key and cursor of ours, spelled out, so that one search finds each producer and consumer."""

CORRECTION = "backfill_assets/correction"
PUBLISH = "backfill_assets/publish"
REBUILD_FOR = "backfill_assets/rebuild_for"
STEP = "backfill_assets/step"
REQUEST = "backfill_assets/request"
PROCESS = "backfill_assets/process"
KIND = "backfill_assets/kind"
LANE = "backfill_assets/lane"

PUBLISH_LIVE = "live"

# What kind of job it is, as its page shows.
DECISION = {KIND: "decision"}
ROUTINE = {KIND: "routine"}
BOARD = {KIND: "board"}

BACKFILL = "dagster/backfill"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
PRIORITY = "dagster/priority"

ROWS = "dagster/row_count"
TABLE = "backfill_assets/table"
COMMIT = "backfill_assets/commit"
CODE_VERSION = "backfill_assets/code_version"
GIT_COMMIT = "backfill_assets/git_commit"
RUN = "backfill_assets/run"

DAY = "backfill_assets/day"
PARTITION_EXPR = "partition_expr"
CORRECTABLE = "backfill_assets/correctable"
READ = "backfill_assets/read"
COMPLETE = "backfill_assets/complete"
DAYS_PRESENT = "backfill_assets/days_present"
DAYS_EXPECTED = "backfill_assets/days_expected"
BASIS = "backfill_assets/basis"
BUILT_OF = "backfill_assets/built_of"
CORRECTIONS = "backfill_assets/corrections"

HISTORY = "backfill_assets/while_history_changes"
DAYS_PER_MINUTE = "backfill_assets/days_per_minute"
READERS = "backfill_assets/readers"
RETENTION_DAYS = "backfill_assets/retention_days"

# Cursors in Dagster's storage.
PULSE = "backfill_assets/pulse"
HEARD = "backfill_assets/heard"

PAUSE = "pause"
TOLERATE = "tolerate"
