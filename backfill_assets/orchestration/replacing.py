"""Files that readers see, replaced whole: a reader never sees half of one, and a failed write leaves the old one."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def replace_text(target: Path, text: str) -> None:
    """Replace a text file in one step."""
    replace_bytes(target, text.encode())


def replace_bytes(target: Path, content: bytes) -> None:
    """Replace a file in one step.

    Raises:
        OSError: when the content cannot be written; the file is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
