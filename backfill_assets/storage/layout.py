"""Where everything lies in the lake: live tables, staged versions inside them, control tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backfill_assets.errors.base import holds_secret
from backfill_assets.errors.lake import NameUnfit
from backfill_assets.errors.setup import SecretGiven

STAGED_PREFIX = "_backfill_"
# The column that days are kept in, where nothing else is said.
DAY = "day"
# Slots beside a partition column that spells them in its own way.
SLOT = "_backfill_assets_slot"
# Where a Delta table keeps its log.
LOG = "_delta_log"
# Where the vaults of raw logs lie.
VAULTS = "_vault"
# Where files that were taken in are kept, below the root of the lake.
ARCHIVE = "_archive"
# Where entries of a log are kept that a power cut damaged.
SET_ASIDE = "_set_aside"

# No longer than leaves room for what is made of it: a folder, a page, a proposal.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Lake:
    """One root folder or object-store prefix, and the options to reach it.

    ``root`` is an absolute path or a URI; a slash at its end is dropped. ``storage_options`` are delta-rs's.

    Raises:
        SecretGiven: when the root is an address with a password in it, since the root is shown.
        NameUnfit: when the root holds a percent sign, which delta-rs would decode.
    """

    root: str
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __post_init__(self) -> None:
        if holds_secret(self.root):
            raise SecretGiven(["root"])
        if "%" in self.root:
            raise NameUnfit("lake root", self.root)
        object.__setattr__(self, "root", self.root.rstrip("/"))

    def table_uri(self, table: str) -> str:
        """The live table: ``<root>/<table>``."""
        return f"{self.root}/{_fit('table', table)}"

    def control_uri(self, name: str) -> str:
        """A control table: ``<root>/_control/<name>``."""
        return f"{self.root}/_control/{_fit('control table', name)}"

    def vault_uri(self, table: str) -> str:
        """What maps the tokens of a raw log to people: ``<root>/_vault/<table>``, so that one rule can guard all."""
        return f"{self.root}/{VAULTS}/{_fit('table', table)}"

    def staged_uri(self, table: str, correction: str) -> str:
        """The staged version, inside its live table: ``<root>/<table>/_backfill_<correction>``."""
        return f"{self.table_uri(table)}/{staged_folder(correction)}"


def archived_below(source: str) -> str:
    """The folder of a source's archived files below the root of the lake."""
    return f"{ARCHIVE}/{_fit('source', source)}"


def entry_of(commit: int) -> str:
    """The path of a commit's entry in the log."""
    return f"{LOG}/{commit:020}.json"


def checkpoint_of(commit: int) -> str:
    """The path of the checkpoint that delta-rs makes of a commit."""
    return f"{LOG}/{commit:020}.checkpoint.parquet"


def staged_folder(correction: str) -> str:
    """The folder of a staged version below its live table's root."""
    return f"{STAGED_PREFIX}{_fit('correction', correction)}"


def staged_name(table: str, correction: str) -> str:
    """The name by which people know a staged version.

    >>> staged_name("fct_daily_revenue", "20260123")
    'fct_daily_revenue__backfill_20260123'
    """
    return f"{_fit('table', table)}__backfill_{_fit('correction', correction)}"


def correction_of(path: str) -> str | None:
    """The correction in whose staged folder a path below the live root lies, if it lies in one.

    >>> correction_of("_backfill_20260123/day=2026-01-01/part-0.parquet")
    '20260123'
    """
    folder, _, rest = path.partition("/")
    return folder.removeprefix(STAGED_PREFIX) if rest and folder.startswith(STAGED_PREFIX) else None


def _fit(what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NameUnfit(what, name)
    return name
