"""The checks of a validation as Dagster shows them: one a clause, blocking, on the step ``validate``."""

from collections.abc import Collection, Iterator

import dagster as dg

from backfill_assets.core.check import Check, Clause
from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import days_listed
from backfill_assets.orchestration.asset.surroundings import page_shown
from backfill_assets.orchestration.correction.metadata import table_of

ABOUT: dict[Clause, str] = {
    Clause.DAYS_COMPLETE: "Every day of the plan is staged.",
    Clause.ONLY_EXPECTED_COLUMNS_DIFFER: "No column differs other than those that were expected to.",
    Clause.SAME_ROWS: "No key appears or disappears.",
    Clause.UNCHANGED_WHERE: "Rows that were not to change are equal to the last digit.",
    Clause.CHANGE_PER_DAY: "No day changes more than was expected.",
    Clause.CHANGE_TOTAL: "The total changes no more than was expected.",
    Clause.SIGN: "Changes go the way they were expected to.",
    Clause.ESTIMATE: "The change is as large as was estimated.",
    Clause.CONTROL_TOTALS: "Staged counts and amounts equal what the source stated.",
    Clause.CLOSER_TO_LEDGER: "Staged is closer to the external ledger than live.",
    Clause.SAMPLE_REDERIVED: "A sample of rows, derived again from the source, comes out the same.",
    Clause.SAME_ALONE: "A day of each wave (one in fifteen), computed alone as well, comes out the same.",
}

OWN = "A check of the table's own, asked of what is staged."


def check_specs(asset: dg.AssetKey, grain: Grain = Grain.DAY, own: Collection[str] = ()) -> list[dg.AssetCheckSpec]:
    """A blocking check for each clause, whether a correction declares it or not, and for each of somebody's ``own``."""
    told = {**{str(clause): grain.worded(ABOUT[clause]) for clause in Clause}, **dict.fromkeys(own, OWN)}
    return [dg.AssetCheckSpec(name, asset=asset, blocking=True, description=about) for name, about in told.items()]


def check_keys(asset: dg.AssetKey, own: Collection[str] = ()) -> list[dg.AssetCheckKey]:
    """The keys of those checks."""
    return [spec.key for spec in check_specs(asset, own=own)]


def check_results(
    asset: dg.AssetKey, checks: Collection[Check], correction: str, grain: Grain = Grain.DAY, own: Collection[str] = ()
) -> Iterator[dg.AssetCheckResult]:
    """The result of each clause and own check; one that was not declared passes, and says so."""
    for clause in (*Clause, *own):
        found = [check for check in checks if check.name == clause]
        if found:
            yield _result(asset, clause, found, correction, grain)
        else:
            told = {"correction": correction, "sentence": "Not declared by this correction."}
            yield dg.AssetCheckResult(
                passed=True, check_name=str(clause), asset_key=asset, description="not declared", metadata=told
            )


def _result(
    asset: dg.AssetKey, clause: str, found: Collection[Check], correction: str, grain: Grain
) -> dg.AssetCheckResult:
    """The checks of one name as one result: it passes when they all do."""
    days = sorted({day for check in found for day in check.days})
    examples = [row for check in found for row in check.detail.get("examples", ())]
    detail = {name: value for check in found for name, value in check.detail.items() if name != "examples"}
    metadata: dict[str, dg.MetadataValue] = {
        "correction": dg.MetadataValue.text(correction),
        "offending_days": dg.MetadataValue.int(len(days)),
        **page_shown(correction),
    }
    if days:
        metadata["days"] = dg.MetadataValue.text(days_listed(days, noun=grain.value))
    if examples:
        metadata["examples"] = dg.MetadataValue.md(table_of(examples))
    if detail:
        metadata["detail"] = dg.MetadataValue.json(detail)
    return dg.AssetCheckResult(
        passed=all(check.passed for check in found),
        check_name=str(clause),
        asset_key=asset,
        description=" ".join(check.sentence for check in found),
        metadata=metadata,
    )
