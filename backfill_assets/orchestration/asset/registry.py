"""Finding the tables of a code location again in its definitions, for the command line."""

from weakref import WeakKeyDictionary

import dagster as dg

from backfill_assets.orchestration.asset.table_definition import TableDefinition

# Dagster's definitions have no place for a value of ours, so each staged sibling is remembered with its definition.
_OFFICES: WeakKeyDictionary[dg.AssetsDefinition, TableDefinition] = WeakKeyDictionary()


def remember(staged: dg.AssetsDefinition, definition: TableDefinition) -> dg.AssetsDefinition:
    """Remember which definition a staged sibling belongs to; returns the sibling."""
    _OFFICES[staged] = definition
    return staged


def tables_in(definitions: dg.Definitions) -> dict[str, TableDefinition]:
    """Every definition that was built into the definitions, by table."""
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    return {_OFFICES[asset].table: _OFFICES[asset] for asset in assets if asset in _OFFICES}
