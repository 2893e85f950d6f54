"""What we know of an asset hangs on its op, because Dagster hands the op on where it makes a new asset of an old one.

``map_asset_specs``, ``with_attributes`` and ``with_resources`` do so, and have no other place for a value of ours.
"""

from typing import TypeVar

import dagster as dg

ATTACHED = "backfill_assets"

Known = TypeVar("Known")


def attach(asset: dg.AssetsDefinition, known: object) -> None:
    """Hang what is known of an asset on its op."""
    vars(asset.op)[ATTACHED] = known


def attached(asset: object, kind: type[Known]) -> Known | None:
    """What is known of an asset, when it is of a kind."""
    if not isinstance(asset, dg.AssetsDefinition) or not asset.is_executable:
        return None
    known = vars(asset.node_def).get(ATTACHED)
    return known if isinstance(known, kind) else None
