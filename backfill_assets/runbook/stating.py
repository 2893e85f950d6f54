"""The statement of what was attested, written into a file and signed where somebody gives a key."""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from backfill_assets.core.facts import Approved, Swapped
from backfill_assets.core.statement import envelope, payload_of, statement, to_be_signed
from backfill_assets.errors.attesting import KeyUnfit, NotAttested, NothingToState, StatementUnwritable
from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.setup import needs_extra
from backfill_assets.runbook.attesting import Attested
from backfill_assets.storage.replacing import replace_text


def write_statement(found: Attested, file: Path, key: Path | None, at: datetime) -> None:
    """Write what was attested as a statement, in an envelope that is signed where there is a key.

    Raises:
        NotAttested: when something is wrong.
        NothingToState: when no certified file is there.
        KeyUnfit: when the key can sign nothing, or others can read it.
        StatementUnwritable: when the file cannot be written.
    """
    payload = payload_of(_stated(found, at))
    text = payload.decode() if key is None else json.dumps(envelope(payload, [_signed(payload, key)]), indent=2)
    try:
        replace_text(file, f"{text}\n" if key else text)
    except OSError as error:
        raise StatementUnwritable(str(file), in_one_line(error.strerror or str(error))) from error


def _stated(found: Attested, at: datetime) -> dict[str, Any]:
    if found.wrong:
        raise NotAttested(found.correction, found.wrong[0])
    if not found.certificates or not found.files.digests:
        raise NothingToState(found.correction)
    digest, certificate = [*found.certificates.items()][-1]
    files = {f"{found.table}/{path}": sha256 for path, sha256 in found.files.digests.items()}
    return statement(
        files,
        {
            "correction": found.correction,
            "table": found.table,
            "madeAt": at.isoformat(timespec="seconds"),
            "certificate": {**certificate.as_json(), "digest": digest},
            "ledger": {"digest": found.head, "events": len(found.events), "sealedFrom": found.sealed_from},
            "approvals": [
                {
                    "by": event.actor,
                    "at": event.at.isoformat(),
                    "note": event.fact.note,
                    "override": event.fact.override,
                }
                for event in found.events
                if isinstance(event.fact, Approved)
            ],
            "swaps": [
                {"number": event.fact.swap.swap_count, "step": event.step.value, "commit": _commit(found, event.fact)}
                for event in found.events
                if isinstance(event.fact, Swapped)
            ],
            "unproven": [*found.unproven],
        },
    )


def _commit(found: Attested, swapped: Swapped) -> int | None:
    return found.swaps.commits.get(swapped.swap.swap_count)


def _signed(payload: bytes, key: Path) -> tuple[str, bytes]:
    """The id of the key and its signature; the id is the SHA-256 of the public key as DER."""
    with needs_extra("attest", "Signing a statement"):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    try:
        loaded = serialization.load_pem_private_key(_read(key), password=None)
    except TypeError as error:
        raise KeyUnfit(str(key), "it is encrypted") from error
    except ValueError as error:
        raise KeyUnfit(str(key), "it is no private key in PEM") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise KeyUnfit(str(key), "it is no Ed25519 key")
    public = loaded.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).hexdigest(), loaded.sign(to_be_signed(payload))


def _read(key: Path) -> bytes:
    """A key's file, which nobody but its owner may read."""
    try:
        with key.open("rb") as opened:
            # Of the file that is read, so that it cannot be another one by then.
            mode = os.fstat(opened.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyUnfit(str(key), f"others can read it (its mode is {stat.S_IMODE(mode):04o})")
            return opened.read()
    except OSError as error:
        raise KeyUnfit(str(key), f"it cannot be read ({in_one_line(error.strerror or str(error))})") from error


def told_as_json(found: Attested, statement_file: str = "") -> Mapping[str, Any]:
    """What was attested, JSON-ready."""
    return {
        "correction": found.correction,
        "table": found.table,
        "attested": not found.wrong,
        "told": found.told,
        "head": found.head,
        "events": len(found.events),
        "sealed_from": found.sealed_from,
        "certificates": [*found.certificates],
        "files": len(found.files.digests),
        "swaps": {str(number): commit for number, commit in found.swaps.commits.items()},
        "wrong": [*found.wrong],
        "unproven": [*found.unproven],
        "statement": statement_file or None,
    }
