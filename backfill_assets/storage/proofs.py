"""What a validation leaves behind: certificates, the figures it saw, the rows that were computed a second time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.figures import Figures
from backfill_assets.core.sampling import Sample
from backfill_assets.errors.correction import CertificateUnknown
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """A certificate as it is stored; ``head`` is the digest of the last event of its correction then, None before."""

    correction: str
    digest: str
    certificate: Certificate
    at: datetime
    head: str | None = None


class Certificates:
    """Every certificate that validation of any correction has ended in."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "certificates", KeptCertificate)

    def keep(self, certificate: Certificate, at: datetime, head: str = "") -> str:
        """Write a certificate down; returns its digest. The same one again is left as it is."""
        row = KeptCertificate(certificate.correction, certificate.digest, certificate, at, head or None)

        def decide(known: pl.DataFrame) -> Decision[Sequence[KeptCertificate], str]:
            return Decision(() if row.digest in known["digest"] else [row], row.digest)

        return self._rows.append_decided(decide)

    def find(self, digest: str) -> Certificate:
        """The certificate with this digest.

        Raises:
            CertificateUnknown: when there is none.
        """
        found = values_of(KeptCertificate, self._rows.rows().filter(pl.col("digest") == digest))
        if not found:
            raise CertificateUnknown(digest)
        return found[0].certificate

    def heads(self, correction: str) -> dict[str, str]:
        """For each certificate of a correction the digest of the event that was its last then."""
        rows = self._rows.rows(["correction", "digest", "head"]).filter(pl.col("correction") == correction)
        return {digest: head for _, digest, head in rows.iter_rows() if head}


@dataclass(frozen=True, slots=True)
class FiguresOfCertificate:
    """The figures behind one certificate as they are stored."""

    correction: str
    certificate: str
    figures: Figures


class KeptFigures:
    """The figures behind each certificate of each correction."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "figures", FiguresOfCertificate)

    def keep(self, correction: str, certificate: str, found: Figures) -> None:
        """Write figures down; those of the same certificate again are left as they are."""
        row = FiguresOfCertificate(correction, certificate, found)

        def decide(known: pl.DataFrame) -> Decision[Sequence[FiguresOfCertificate], None]:
            return Decision(() if len(_behind(known, correction, certificate)) else [row], None)

        self._rows.append_decided(decide)

    def find(self, correction: str, certificate: str) -> Figures | None:
        """The figures behind a certificate, None when there are none."""
        found = values_of(FiguresOfCertificate, _behind(self._rows.rows(), correction, certificate))
        return found[0].figures if found else None


def _behind(rows: pl.DataFrame, correction: str, certificate: str) -> pl.DataFrame:
    return rows.filter(pl.col("correction") == correction, pl.col("certificate") == certificate)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample as it is stored; ``number`` counts those of its correction."""

    correction: str
    number: int
    sample: Sample


class Samples:
    """Every sample that validation has drawn, of any correction, counted from 1 within it."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "samples", Drawn)

    def keep(self, sample: Sample) -> int:
        """Write a sample down and return its number; the same as the latest again is left as it is."""

        def decide(known: pl.DataFrame) -> Decision[Sequence[Drawn], int]:
            mine = _drawn(known, sample.correction)
            if mine and mine[-1].sample == sample:
                return Decision((), len(mine))
            new = Drawn(sample.correction, len(mine) + 1, sample)
            return Decision([new], new.number)

        return self._rows.append_decided(decide)

    def latest(self, correction: str) -> Sample | None:
        """The sample of the latest validation of a correction, None before the first."""
        mine = _drawn(self._rows.rows(), correction)
        return mine[-1].sample if mine else None


def _drawn(rows: pl.DataFrame, correction: str) -> list[Drawn]:
    return values_of(Drawn, rows.filter(pl.col("correction") == correction).sort("number"))
