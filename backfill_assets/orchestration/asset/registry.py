"""Finding the offices of a code location again in its definitions, for the command line."""

from weakref import WeakKeyDictionary

import dagster as dg

from backfill_assets.orchestration.asset.table_definition import Office

# Dagster's definitions have no place for a value of ours, so each staged sibling is remembered with its office.
_OFFICES: WeakKeyDictionary[dg.AssetsDefinition, Office] = WeakKeyDictionary()


def remember(staged: dg.AssetsDefinition, office: Office) -> dg.AssetsDefinition:
    """Remember which office a staged sibling belongs to; returns the sibling."""
    _OFFICES[staged] = office
    return staged


def offices_in(definitions: dg.Definitions) -> dict[str, Office]:
    """Every office that was built into the definitions, by table."""
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    return {_OFFICES[asset].table: _OFFICES[asset] for asset in assets if asset in _OFFICES}
