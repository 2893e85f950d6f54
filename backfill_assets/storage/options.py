"""The options of a store, which are delta-rs's, as another engine takes them."""

import re
from collections.abc import Mapping

# Options of delta-rs that Polars refuses, or takes in another unit.
OF_DELTA_ALONE = re.compile(r"max_retries|retry_timeout|backoff_config|(aws_)?conditional_put", re.IGNORECASE)


def of_polars(options: Mapping[str, str]) -> dict[str, str] | None:
    """The options as Polars takes them, which is patient in its own way and knows nothing of commits.

    >>> of_polars({"AWS_REGION": "r", "max_retries": "2", "backoff_config.base": "2"})
    {'AWS_REGION': 'r'}
    """
    return {name: told for name, told in options.items() if not OF_DELTA_ALONE.match(name)} or None
