"""Bringing the published folder in line with the ledger and the tables: only what changed, each file in one step."""

import fcntl
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backfill_assets import now_utc
from backfill_assets.checks import exactly
from backfill_assets.corrections import Ending, Event
from backfill_assets.lake import Publication, Records, replace_files
from backfill_assets.revenue.errors import PrintingFailed
from backfill_assets.revenue.journal import Journal
from backfill_assets.revenue.pages.index import render_index
from backfill_assets.revenue.pages.outputs import Output, outputs
from backfill_assets.revenue.pages.state import FACT, State, read_state
from backfill_assets.revenue.printing_pdf import browser, print_pages

INDEX = "index.html"
STAMPS = ".rendered.json"
LOCK = ".rendering"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one rendering replaced, and which PDFs it took away because they could not be made anew."""

    replaced: tuple[str, ...]
    without_pdf: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What could not be made, for a person."""
        return tuple(
            f"The PDF of {path} could not be printed. The earlier one was removed, because it is outdated."
            for path in self.without_pdf
        )


@exactly
def render_reports(records: Records, folder: Path, pending: Event | None = None) -> Rendered:
    """Replace every page, workbook and file that is not what it should be, once ``pending`` is in the ledger.

    Called again it changes nothing. One rendering at a time: a second one waits, and then sees what the first saw.

    Raises:
        OSError: when a file cannot be written; all of them are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        _keep_journal(records, read_state(records, pending))
        builds = records.completeness.count()
        state = read_state(records, pending, folder)
        stamps = _stamps(folder)
        stale = [one for one in outputs(state) if not _is_current(folder, stamps, one)]
        told = records.outbox.deliveries()
        made = _made(folder, stale, stamps, lambda is_there: render_index(state, told, is_there).encode())
        if made.contents:
            _record(records, folder, made.outputs, builds)
            replace_files(made.contents)
        return made.rendered


def _keep_journal(records: Records, state: State) -> None:
    journal = Journal(records, FACT)
    for name, progress in state.corrections.items():
        if progress.publication.swap_count and progress.publication.ending is not Ending.DECOMMISSIONED:
            journal.keep(progress.plan, state.histories[name])


def _is_current(folder: Path, stamps: dict[str, str], output: Output) -> bool:
    if stamps.get(output.path) != output.digest or not (folder / output.path).exists():
        return False
    wants_pdf = output.prints and browser() is not None
    return not wants_pdf or (folder / output.path).with_suffix(".pdf").exists()


@dataclass(frozen=True, slots=True)
class Made:
    """What is to be there instead, None where nothing is, which output each file is of, and what is told of it."""

    contents: Mapping[Path, bytes | None]
    outputs: Mapping[Path, Output]
    rendered: Rendered


def _made(
    folder: Path, stale: Sequence[Output], stamps: dict[str, str], index: Callable[[Callable[[str], bool]], bytes]
) -> Made:
    """Make everything, the index last; the stamps come after what they speak of."""
    made = {output.path: output.make() for output in stale}
    printed, failed = _printed({one.path: made[one.path] for one in stale if one.prints})
    contents: dict[Path, bytes | None] = {}
    for output in stale:
        target = folder / output.path
        contents[target] = made[output.path]
        if output.prints:
            # No PDF rather than an outdated one.
            contents[target.with_suffix(".pdf")] = printed.get(output.path)

    def is_there(path: str) -> bool:
        target = folder / path
        return contents[target] is not None if target in contents else target.is_file()

    first, told = folder / INDEX, index(is_there)
    if not first.exists() or first.read_bytes() != told:
        contents[first] = told
    if contents:
        contents[folder / STAMPS] = json.dumps(
            stamps | {one.path: one.digest for one in stale}, indent=0, sort_keys=True
        ).encode()
    replaced = [path for path in (*made, INDEX) if folder / path in contents]
    of_path = {path: one for one in stale for path in _paths(folder, one) if contents.get(path) is not None}
    return Made(contents, of_path, Rendered(tuple(replaced), tuple(failed)))


def _paths(folder: Path, output: Output) -> tuple[Path, Path]:
    """Where a file is, and where its PDF is when it is printed."""
    return folder / output.path, (folder / output.path).with_suffix(".pdf")


def _record(records: Records, folder: Path, replaced: Mapping[Path, Output], builds: int) -> None:
    """Write down what the files show that are about to be there."""
    now = now_utc()
    records.published.record(
        Publication(str(path.relative_to(folder)), now, output.made_of, builds)
        for path, output in replaced.items()
        if output.made_of
    )


def _printed(pages: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    command = browser()
    if not pages or command is None:
        return {}, []
    with tempfile.TemporaryDirectory(prefix="backfill-pages-") as drafts:
        places: dict[str, Path] = {}
        for path, content in pages.items():
            places[path] = Path(drafts) / Path(path).name
            places[path].write_bytes(content)
        try:
            made = print_pages(command, list(places.values()))
        except PrintingFailed:
            return {}, sorted(pages)
        return {path: made[place] for path, place in places.items()}, []


def _stamps(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / STAMPS).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
