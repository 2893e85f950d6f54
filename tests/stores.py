"""An object store of our own: moto's S3 over HTTP, and folders in it that are used as those on disk are."""

import fnmatch
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union

import boto3

from tests.servers import started

# delta-rs keeps the interpreter's lock while it lists, so the server must live in another process.
SERVER = "from moto.server import ThreadedMotoServer as S; import sys; s = S(port=0, verbose=False); s.start(); "
SERVER += "print(s.get_host_and_port()[1], flush=True); sys.stdin.read()"
# moto looks whether there is such a file and puts it in two steps, so of two puts at once both can succeed.
ATOMIC = "import threading, moto.s3.responses as m; lock, of_key = threading.Lock(), m.S3Response._key_response\n"
ATOMIC += "def at_once(*given):\n    with lock:\n        return of_key(*given)\nm.S3Response._key_response = at_once\n"
# The same, which takes a put for one without a condition.
OVERWRITING = "from werkzeug.serving import WSGIRequestHandler as H; of = H.make_environ; "
OVERWRITING += "H.make_environ = lambda h: {k: v for k, v in of(h).items() if k != 'HTTP_IF_NONE_MATCH'}; "
BUCKET = "bucket"
# What a bucket needs, as docs/configuration.md says: the environment alone, and no option of the lake.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hush-this-is-secret",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


def environment(address: str) -> dict[str, str]:
    return {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}


@contextmanager
def object_store(patch: str = "") -> Iterator[str]:
    """An S3 with one bucket; its address."""
    with started(ATOMIC + patch + SERVER) as port:
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        client(address).create_bucket(Bucket=BUCKET)
        yield address


def wait_for(address: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


@cache
def client(address: str) -> Any:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)


@dataclass(frozen=True, order=True)
class InBucket:
    """A file or folder in the bucket, asked as a ``Path`` is."""

    address: str
    key: str

    def __truediv__(self, below: str) -> "InBucket":
        return InBucket(self.address, f"{self.key}/{below}")

    def __str__(self) -> str:
        return f"s3://{BUCKET}/{self.key}"

    def at(self, uri: str) -> "InBucket":
        """What an address in the same bucket leads to."""
        return InBucket(self.address, uri.removeprefix(f"s3://{BUCKET}/"))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]

    def read_bytes(self) -> bytes:
        return self._store.get_object(Bucket=BUCKET, Key=self.key)["Body"].read()

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, content: bytes) -> None:
        self._store.put_object(Bucket=BUCKET, Key=self.key, Body=content)

    def write_text(self, content: str) -> None:
        self.write_bytes(content.encode())

    def unlink(self) -> None:
        assert self.exists(), self
        self._store.delete_object(Bucket=BUCKET, Key=self.key)

    def rename(self, other: "InBucket") -> None:
        other.write_bytes(self.read_bytes())
        self.unlink()

    def exists(self) -> bool:
        return any(f"{key}/".startswith(f"{self.key}/") for key in self._keys())

    def rglob(self, pattern: str) -> Iterator["InBucket"]:
        """The files below it whose name fits the pattern; folders are none."""
        below = (InBucket(self.address, key) for key in self._keys() if key.startswith(f"{self.key}/"))
        return iter([one for one in below if fnmatch.fnmatch(one.name, pattern)])

    @property
    def _store(self) -> Any:
        return client(self.address)

    def _keys(self) -> list[str]:
        pages = self._store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=self.key)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


# A folder on disk or in a bucket.
Root = Union[Path, InBucket]  # noqa: UP007 - a name for both


def files_below(root: Root) -> set[str]:
    """The paths of all files below a folder, relative to it."""
    return {
        str(path).removeprefix(f"{root}/") for path in root.rglob("*") if not isinstance(path, Path) or path.is_file()
    }


def remove(root: Root) -> None:
    """Delete a folder with all that is in it."""
    if isinstance(root, Path):
        shutil.rmtree(root)
        return
    for path in root.rglob("*"):
        path.unlink()


def copy(root: Root, into: Root) -> None:
    """Copy a folder to where nothing is yet."""
    if isinstance(root, Path) and isinstance(into, Path):
        shutil.copytree(root, into)
        return
    for path in files_below(root):
        (into / path).write_bytes((root / path).read_bytes())


def move(root: Root, into: Root) -> None:
    copy(root, into)
    remove(root)
