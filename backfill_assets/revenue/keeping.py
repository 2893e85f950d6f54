"""How long the example keeps what its corrections are made of, and by what duty."""

from pathlib import Path

from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.landing import LEDGER_SOURCE
from backfill_assets.revenue.raw_log import FIXINGS, RAW, TRANSACTIONS
from backfill_assets.sources import Keeping, Kept, Retention

BOOKS = "Books and what they are made of are kept for ten years, and corrections are made of them for longer."
OWN = "A correction recomputes any day from it, so it is never deleted."
PUBLIC = "It is published by the ECB and holds nothing personal."
MINIMAL = "Customers in clear are needed until their day is taken in and looked at, and not for longer."
LIMITATION = "Claims of customers expire after three years."


def landing() -> Path:
    """Where the example's files land."""
    return LandingResource().path()


KEEPING = Keeping(
    retention=(
        Retention(RAW, Kept.RAW, OWN),
        Retention(RAW, Kept.PERSONAL, LIMITATION, days=3 * 365),
        Retention(RAW, Kept.LANDING, MINIMAL, days=90),
        Retention(RAW, Kept.ARCHIVE, BOOKS),
        Retention("fx_rates", Kept.RATES, OWN),
        Retention(FIXINGS, Kept.ARCHIVE, PUBLIC),
        Retention(LEDGER_SOURCE, Kept.LEDGER, BOOKS),
    ),
    logs=(TRANSACTIONS,),
    landing=landing,
)
