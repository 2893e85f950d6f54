import hmac

import polars as pl
import pytest

from backfill_assets.errors.landing import MissingKey
from backfill_assets.sources.log_rows import tokenised
from tests.scenarios import KEY


def test_a_token_is_the_hmac_of_the_id_and_null_stays_null():
    tokens = tokenised(pl.Series("customer_id", ["c1", None, "Zoë", "c1"]), KEY)

    assert tokens.to_list() == [
        hmac.new(KEY, b"c1", "sha256").hexdigest(),
        None,
        hmac.new(KEY, "Zoë".encode(), "sha256").hexdigest(),
        hmac.new(KEY, b"c1", "sha256").hexdigest(),
    ]


def test_another_key_gives_other_tokens():
    customers = pl.Series(["c1"])

    assert tokenised(customers, KEY).item() != tokenised(customers, KEY[::-1]).item()


@pytest.mark.parametrize("customers", [[], [None, None]])
def test_no_customers_give_no_tokens(customers):
    assert tokenised(pl.Series(customers, dtype=pl.String), KEY).to_list() == customers


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_can_be_guessed_is_refused(key):
    with pytest.raises(MissingKey):
        tokenised(pl.Series(["c1"]), key)
