"""Published files: what each was made of whenever it was replaced, in ``_control/published``. Recorded before that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class Publication:
    """A file that readers get, by its path below the published folder, and the report partitions it is made of.

    It shows what the first so many ``builds`` of reports had made of them, as ``BuiltReports.count`` said before they
    were read: clocks of two machines do not tell which came first.
    """

    path: str
    at: datetime
    made_of: Mapping[str, tuple[str, ...]]
    builds: int


class Publications:
    """Every time that a file was replaced, in the order of the recording."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "published", Publication)

    def record(self, published: Iterable[Publication]) -> None:
        """Write down that files are about to be replaced."""
        self._rows.append(published)

    def by_path(self) -> dict[str, list[Publication]]:
        """Each file's publications, oldest first."""
        found: dict[str, list[Publication]] = {}
        for one in values_of(Publication, self._rows.rows()):
            found.setdefault(one.path, []).append(one)
        return found
