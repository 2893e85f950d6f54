"""Files that readers see, replaced whole: a reader never sees half of one, and a failed write leaves the old ones.

Each is forced to disk before it takes the place of the old one, and then its name, so that a power cut leaves either.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.syncing import force


def replace_text(target: Path, text: str) -> None:
    """Replace a text file in one step.

    Raises:
        OSError: when it cannot be written; the file is as it was.
    """
    replace_files({target: text.encode()})


def replace_files(contents: Mapping[Path, bytes | None]) -> None:
    """Replace files, each in one step, and only once every one of them is written; None takes a file away.

    Raises:
        OSError: when one cannot be written; all files are as they were.
    """
    drafts: dict[Path, Path] = {}
    try:
        for target, content in contents.items():
            if content is not None:
                drafts[target] = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
                _write(drafts[target], content)
        for target, content in contents.items():
            if content is None:
                perform(Operation.DELETE, str(target), partial(target.unlink, missing_ok=True))
            else:
                perform(Operation.PUT, str(target), partial(_put, drafts[target], target))
        force({folder for target in contents for folder in (target.parent, target.parent.parent) if folder.exists()})
    finally:
        for draft in drafts.values():
            with suppress(OSError):
                perform(Operation.DELETE, str(draft), partial(draft.unlink, missing_ok=True))


def create_text(target: Path, text: str) -> None:
    """Write a text that only its owner may read, where there is none yet; of two who come at once one is too late.

    Raises:
        OSError: when it cannot be written; then there is no such file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(text)
        force([draft])
        with suppress(FileExistsError):
            target.hardlink_to(draft)
        force([target.parent, target.parent.parent])
    finally:
        draft.unlink(missing_ok=True)


def _write(draft: Path, content: bytes) -> None:
    draft.parent.mkdir(parents=True, exist_ok=True)
    perform(Operation.PUT, str(draft), lambda: draft.write_bytes(content))
    force([draft])


def _put(draft: Path, target: Path) -> None:
    # Tried again because the answer was lost, there is no draft any more.
    if draft.exists() or not target.exists():
        draft.replace(target)
