"""Certificates: the proofs of validation, in ``_control/certificates``, found by their digest."""

import json
from datetime import datetime

import polars as pl

from backfill_assets.core.certificate import Certificate
from backfill_assets.errors.correction import CertificateUnknown
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema(
    {
        "correction": pl.String(),
        "digest": pl.String(),
        "certificate": pl.String(),
        "at": pl.Datetime("us", "UTC"),
    }
)


class Certificates:
    """Every certificate that validation of any correction has ended in."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "certificates", SCHEMA)

    def keep(self, certificate: Certificate, at: datetime) -> str:
        """Write a certificate down; returns its digest. The same one again is left as it is."""
        row = {
            "correction": certificate.correction,
            "digest": certificate.digest,
            "certificate": json.dumps(certificate.as_json()),
            "at": at,
        }

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            if certificate.digest in known["digest"]:
                return None
            return pl.DataFrame([row], schema=SCHEMA)

        self._rows.append(rows)
        return certificate.digest

    def find(self, digest: str) -> Certificate:
        """The certificate with this digest.

        Raises:
            CertificateUnknown: when there is none.
        """
        found = self._rows.rows().filter(pl.col("digest") == digest)
        if found.is_empty():
            raise CertificateUnknown(digest)
        return Certificate.from_json(json.loads(found["certificate"][0]))
