"""Prices of storage and of computing: those of a file, or those that come with the library."""

import os
import tomllib
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

from backfill_assets.core.storage_cost import Prices
from backfill_assets.errors.given import PricesUnusable

OWN, VARIABLE = "storage_prices.toml", "BACKFILL_PRICES"


def prices_of(file: Path | None = None) -> Prices:
    """The prices of a file, else of the one that the environment names, else those that come with the library.

    Raises:
        PricesUnusable: when the file cannot be read, or lacks or misstates something.
    """
    named = file or os.environ.get(VARIABLE, "")
    place = Path(named) if named else files("backfill_assets.runbook") / OWN
    try:
        told = tomllib.loads(place.read_text(encoding="utf-8"))
        tiers = {str(name): _price(price) for name, price in told["tiers"].items()}
        broker = told["broker"]
        prices = Prices(
            str(told["currency"]),
            date.fromisoformat(str(told["as_of"])),
            str(told["source"]),
            tiers,
            told["raw"],
            int(broker["copies"]),
            _price(broker["disk"]),
            _price(told["compute"]["core_hour"]) if "compute" in told else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise PricesUnusable(str(place), f"{type(error).__name__} of {error}".replace(": ", " ")) from error
    if prices.copies < 1:
        raise PricesUnusable(str(place), f"its broker keeps {prices.copies} copies")
    if prices.raw not in tiers:
        raise PricesUnusable(str(place), f"its tier of raw data is {prices.raw!r}, which has no price")
    return prices


def _price(told: Any) -> Decimal:
    price = Decimal(str(told))
    if not price.is_finite() or price < 0:
        raise ValueError(told)
    return price
