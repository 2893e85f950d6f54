"""What a store said when it refused, in a few words: who was asked, and the first thing that a person can act on.

delta-rs draws the causes of an error as a tree, Polars puts them into one line, and in both what matters is at the end.
"""

import re

from backfill_assets.errors.base import in_one_line

ANSI = re.compile(r"\x1b\[\d*m")
ASKED = re.compile(r"Error performing [A-Z]+ (?P<scheme>https?)://(?:[^/\s@]*@)?(?P<host>[^/\s?]+)")
CODE, MESSAGE = re.compile(r"<Code>([^<]+)</Code>"), re.compile(r"<Message>([^<]+)</Message>")
STATUS = re.compile(r"\b[1-5]\d\d [A-Z][A-Za-z ]+")
# What stands before the cause in every error of a store.
NO_CAUSE = re.compile(r"Error performing|^HTTP error|error sending request|^client error|^Generic|^Kernel error")


def said(error: BaseException) -> str:
    """What an error says, in one line without credentials.

    >>> said(OSError("Generic S3 error ↳ Error performing GET http://k:s@store:9/b in 2s ↳ Connection refused"))
    'http://store:9 says Connection refused'
    """
    told = ANSI.sub("", str(error))
    asked = ASKED.search(told)
    if asked is None:
        return in_one_line(told)
    return f"{asked['scheme']}://{asked['host']} says {in_one_line(_cause(told))}"


def is_of_a_store(error: BaseException) -> bool:
    """Whether it is an answer of an object store, or that there was none; that a file is not there is neither."""
    told = str(error)
    return ASKED.search(told) is not None and ("404 Not Found" not in told or "NoSuchBucket" in told)


def _cause(told: str) -> str:
    if code := CODE.search(told):
        message = MESSAGE.search(told)
        return f"{code[1]}, {message[1]}" if message else code[1]
    if status := STATUS.search(told):
        return status[0]
    parts = [part.strip(" ↳") for line in told.splitlines() for part in re.split(r": | ↳ ", line)]
    causes = [part for part in parts if part and not NO_CAUSE.search(part)]
    return causes[-1] if causes else told
