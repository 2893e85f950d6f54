"""Certificates: the proofs of validation, in ``_control/certificates``, found by their digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from backfill_assets.core.certificate import Certificate
from backfill_assets.errors.correction import CertificateUnknown
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate as it is stored."""

    correction: str
    digest: str
    certificate: Certificate
    at: datetime


class Certificates:
    """Every certificate that validation of any correction has ended in."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "certificates", Kept)

    def keep(self, certificate: Certificate, at: datetime) -> str:
        """Write a certificate down; returns its digest. The same one again is left as it is."""
        row = Kept(certificate.correction, certificate.digest, certificate, at)

        def decide(known: pl.DataFrame) -> Decision[Sequence[Kept], str]:
            return Decision(() if row.digest in known["digest"] else [row], row.digest)

        return self._rows.append_decided(decide)

    def find(self, digest: str) -> Certificate:
        """The certificate with this digest.

        Raises:
            CertificateUnknown: when there is none.
        """
        found = values_of(Kept, self._rows.rows().filter(pl.col("digest") == digest))
        if not found:
            raise CertificateUnknown(digest)
        return found[0].certificate
