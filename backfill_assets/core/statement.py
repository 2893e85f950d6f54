"""The in-toto statement of a certificate, and the envelope in which it is signed: what docs/attest.md specifies."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:backfill-assets:correction-certificate:1"
PAYLOAD = "application/vnd.in-toto+json"


def statement(files: Mapping[str, str], predicate: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated of some files, given as their names and SHA-256."""
    subject = [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())]
    return {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": dict(predicate)}


def payload_of(stated: Mapping[str, Any]) -> bytes:
    """The bytes that are written, and signed where there is a key."""
    return json.dumps(stated, sort_keys=True, ensure_ascii=False, indent=2).encode()


def to_be_signed(payload: bytes, kind: str = PAYLOAD) -> bytes:
    r"""What a signature is over: DSSE's pre-authentication encoding.

    >>> to_be_signed(b"hello world", "http://example.com/HelloWorld")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    named = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def envelope(payload: bytes, signatures: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """The DSSE envelope of a payload, with signatures given as key id and bytes."""
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD,
        "signatures": [{"keyid": key, "sig": base64.b64encode(sig).decode()} for key, sig in signatures],
    }
