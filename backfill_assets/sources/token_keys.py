"""The keys of tokens: the one in use and those of before it, from the environment or from a file that is its owner's.

A key is never shown. It is named by its fingerprint, which tells nothing of it.
"""

import hmac
import os
import secrets
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from backfill_assets.errors.landing import MissingKey
from backfill_assets.errors.personal import KeyFileOpen, KeyFileUnreadable
from backfill_assets.storage.replacing import create_text

SHORTEST_KEY = 16
VARIABLE, FILE = "BACKFILL_TOKEN_KEY", "BACKFILL_TOKEN_KEY_FILE"
DIGITS = 12
"""How much of a fingerprint is written down: enough to tell the keys of one house apart."""


@dataclass(frozen=True)
class TokenKeys:
    """Keys of tokens, the one in use first.

    New tokens are made with the first; tokens of the others still resolve, and whoever was erased under any of them is
    known again under all.
    """

    secrets: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, given: "bytes | TokenKeys") -> "TokenKeys":
        """One key, or several."""
        return given if isinstance(given, TokenKeys) else cls((given,) if given else ())

    @classmethod
    def written(cls, text: str) -> "TokenKeys":
        """The keys of a text, one a line, the one in use first."""
        return cls(tuple(dict.fromkeys(line.encode() for line in text.splitlines() if line)))

    @cached_property
    def by_fingerprint(self) -> dict[str, bytes]:
        """The keys by how they are named, the one in use first."""
        return {fingerprint(key): key for key in self.secrets}

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """How they are named, the one in use first."""
        return tuple(self.by_fingerprint)

    @property
    def in_use(self) -> str:
        """How the key is named that new tokens are made with; empty without any."""
        return next(iter(self.by_fingerprint), "")

    @property
    def oldest(self) -> str:
        """How the last of them is named; empty without any."""
        return self.fingerprints[-1] if self.secrets else ""

    def lacking(self, fingerprints: Iterable[str]) -> list[str]:
        """Those of some keys that are not among them."""
        return sorted({*fingerprints} - {*self.by_fingerprint})

    def tokens(self, values: Collection[str], key: str) -> list[str]:
        """The tokens of some texts under one of the keys.

        Raises:
            MissingKey: when the key is shorter than 16 bytes.
        """
        return tokens_of(values, self.by_fingerprint[key])


def tokens_of(values: Collection[str], key: bytes) -> list[str]:
    """HMAC-SHA256 of each text in UTF-8 under the key, as 64 hexadecimal digits.

    Raises:
        MissingKey: when the key is shorter than 16 bytes.
    """
    if len(key) < SHORTEST_KEY:
        raise MissingKey
    return [hmac.digest(key, value.encode(), "sha256").hex() for value in values]


def fingerprint(key: bytes) -> str:
    """How a key is named."""
    return hmac.digest(key, b"fingerprint of a key of tokens", "sha256").hex()[:DIGITS]


def token_keys(*, make: bool = True) -> TokenKeys:
    """The keys as the environment gives them, one a line: in ``BACKFILL_TOKEN_KEY``, or in a file.

    That file is ``BACKFILL_TOKEN_KEY_FILE``, else ``token.key`` in ``DAGSTER_HOME``, which is made with a new key where
    there is none, unless ``make`` says otherwise.

    Raises:
        KeyFileOpen: when somebody else may read it.
        KeyFileUnreadable: when the file that was named cannot be read.
        MissingKey: when there is no key, or one that can be guessed.
    """
    if told := os.environ.get(VARIABLE):
        return _whole(TokenKeys.written(told))
    named = os.environ.get(FILE)
    file = Path(named or Path(os.environ.get("DAGSTER_HOME") or "data/dagster_home") / "token.key").absolute()
    if not named and not file.exists():
        if not make:
            raise MissingKey
        create_text(file, secrets.token_hex(32))
    return _whole(TokenKeys.written(_private_text(file)))


def _whole(keys: TokenKeys) -> TokenKeys:
    if not keys.secrets or any(len(key) < SHORTEST_KEY for key in keys.secrets):
        raise MissingKey
    return keys


def _private_text(file: Path) -> str:
    """What stands in a file that nobody but its owner, or root, may read; looked at and read as one."""
    try:
        with file.open(encoding="utf-8") as opened:
            status = os.fstat(opened.fileno())
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileOpen(str(file), f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})")
            if status.st_uid not in {os.geteuid(), 0}:
                raise KeyFileOpen(str(file), "belongs to another user")
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "it is no text").lower()
        raise KeyFileUnreadable(str(file), why) from error
