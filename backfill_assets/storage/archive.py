"""The archive of a lake: files that were taken in, compressed, each named by the SHA-256 of its own bytes.

They lie in ``_archive/<source>/`` below the lake's root, where no table is, so that neither vacuum nor maintenance
meets them. A file is put there whole or not at all, and the same content again is the same file.
"""

import gzip
import hashlib
import io
from pathlib import PurePosixPath

import polars as pl

from backfill_assets.storage.entries import reaching
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.layout import ARCHIVE, Lake, archived_below
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.replacing import replace_files
from backfill_assets.storage.syncing import force

ROWS, AS_LANDED = ".parquet", ".gz"
# Where delta-rs's public handler of a store keeps the one behind it.
BEHIND = "_handler"


class Archive:
    """The archived files of a lake, by their paths below its root."""

    def __init__(self, lake: Lake) -> None:
        self.folder = Folder(lake.root, dict(lake.storage_options))

    def keep(self, source: str, content: bytes, ending: str) -> str:
        """Put content into the archive and return its path; content that is there, and whole, is left as it is.

        Raises:
            LakeUnreachable: when it cannot be put there.
        """
        path = f"{archived_below(source)}/{digest(content)}{ending}"
        self.put(path, content)
        return path

    def put(self, path: str, content: bytes) -> None:
        """Put a file in its place, whole; one that is there with the same content is left as it is."""
        if self.folder.find([path]) and self.folder.read(path) == content:
            return
        with reaching(self.folder):
            if (root := self.folder.local) is None:
                perform(Operation.PUT, f"{self.folder.uri}/{path}", lambda: self._upload(path, content))
                return
            replace_files({root / path: content})
            force([root])  # the archive's own name, beside those of its folders

    def read(self, path: str) -> bytes:
        """The bytes of a file as it lies there.

        Raises:
            FileNotFoundError: when there is no such file.
        """
        return self.folder.read(path)

    def listing(self) -> list[Found]:
        """Every file of the archive."""
        return self.folder.listing(ARCHIVE)

    def _upload(self, path: str, content: bytes) -> None:
        # Its public stream goes through pyarrow, whose buffers it does not take. Nothing is there until it is closed.
        stream = getattr(self.folder.store(), BEHIND).open_output_stream(path)
        stream.write(content)
        stream.close()


def digest(content: bytes) -> str:
    """The SHA-256 of bytes, by which they are named."""
    return hashlib.sha256(content).hexdigest()


def named_digest(path: str) -> str:
    """The SHA-256 that the name of an archived file says it has.

    >>> named_digest("_archive/orders/ab12.csv.gz")
    'ab12'
    """
    return PurePosixPath(path).name.partition(".")[0]


def rows_packed(frame: pl.DataFrame) -> bytes:
    """Rows as a file of the archive, the same bytes for the same rows."""
    packed = io.BytesIO()
    frame.write_parquet(packed, compression="zstd")
    return packed.getvalue()


def rows_unpacked(content: bytes) -> pl.DataFrame:
    """The rows of a file of the archive."""
    return pl.read_parquet(io.BytesIO(content))


def packed(content: bytes) -> bytes:
    """The bytes of a file, compressed, without the time or a name."""
    return gzip.compress(content, mtime=0)
