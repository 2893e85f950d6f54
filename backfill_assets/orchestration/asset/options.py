"""The options of ``dagster.asset``: passed on to both siblings of a correctable asset, to live alone, or refused."""

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import verb
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.orchestration.asset.arguments import described
from backfill_assets.orchestration.asset.surroundings import console_named

IO_MANAGER = "lake_io_manager"
KEPT_IN_LAKE = {"lake", IO_MANAGER}
# A staged day is recomputed by its correction, and by nothing that looks whether it is fresh.
OF_LIVE_ALONE = {"automation_condition", "freshness_policy"}
RENAMED = {
    "auto_materialize_policy": "automation_condition",
    "compute_kind": "kinds",
    "non_argument_deps": "deps",
    "legacy_freshness_policy": "freshness_policy",
}
# Which values of an option cannot be, why, and what to do.
Refusal = tuple[Callable[[Any], object], str, str]
REFUSED: Mapping[str, Refusal] = {
    "check_specs": (
        bool,
        "its check_specs are answered by what a function yields, and it returns rows",
        "Write each check as a function of its own, decorated with dg.asset_check(asset=...).",
    ),
    "dagster_type": (
        lambda _: True,
        "its dagster_type would be compared with days in the course of being written, and not with their rows",
        "Give a schema, such as a Pandera model, in its place.",
    ),
    "io_manager_def": (
        lambda _: True,
        "its io_manager_def would keep its days elsewhere than in the lake",
        f"Leave it out, and {IO_MANAGER} keeps them.",
    ),
    "io_manager_key": (
        lambda key: key != IO_MANAGER,
        "its io_manager_key names another one than the one that keeps staged days beside live ones",
        f"Leave it out, and {IO_MANAGER} keeps them.",
    ),
    "output_required": (
        lambda required: required is not True,
        "its output_required is not True, and each of its days is written, with rows or without",
        "Leave it out, and return an empty frame for days without rows.",
    ),
    "is_virtual": (bool, "its is_virtual is True, and its days are files", "Leave it out."),
}


def refuse_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that ``dagster.asset`` does not have, those of another kind, and those that cannot work here.

    Raises:
        TransformUnusable: naming them.
    """
    for argument, fits, said in (("metadata", Mapping, "a mapping"), ("deps", list | tuple, "a list of assets")):
        if (given := options.get(argument)) is not None and not isinstance(given, fits):
            raise TransformUnusable(name, f"its {argument} is {described(given)}", f"Give {said}, or leave it out.")
    known = inspect.signature(dg.asset).parameters.keys() - {"compute_fn", "kwargs"}
    if strange := sorted(options.keys() - known):
        are_no = verb(len(strange), "is no option", "are no options")
        today = [f"Give {RENAMED[one]} in its place." for one in strange[:1] if one in RENAMED]
        instead = next(iter(today), "Leave out what is not known.")
        raise TransformUnusable(name, f"{', '.join(strange)} {are_no} of dagster.asset", instead)
    if options.get("ins"):
        raise TransformUnusable(name, "its sources are named by ins", _sources_for(options["ins"]))
    for argument, (is_wrong, why, instead) in REFUSED.items():
        if argument in options and is_wrong(options[argument]):
            raise TransformUnusable(name, why, instead)
    if own := sorted(KEPT_IN_LAKE & {*(options.get("resource_defs") or ())}):
        why = f"its resource_defs have {' and '.join(own)} of its own, and its corrections would look elsewhere"
        raise TransformUnusable(name, why, f"Give {' and '.join(own)} to the definitions.")


def refuse_config(name: str, live: dg.AssetsDefinition) -> None:
    """Refuse a config with fields that have to be given, which neither nightly nor a correction gives.

    Raises:
        TransformUnusable: naming the fields.
    """
    field = live.op.config_schema.as_field() if live.op.config_schema else None
    if field is None or not field.is_required:
        return
    fields = getattr(field.config_type, "fields", {})
    needed = [one for one, of_it in fields.items() if of_it.is_required]
    why = (
        f"its config has to be given ({', '.join(needed) or 'all of it'}), which neither nightly nor a correction does"
    )
    raise TransformUnusable(name, why, "Give each field a default.")


def range_policy(days_per_run: int) -> dg.BackfillPolicy:
    """How many days of a range one run takes: ``days_per_run``, and all of them where ``BACKFILL_SINGLE_RUN`` is set.

    ``dagster asset materialize --partition-range`` runs the range in its own process, and refuses assets of any other
    policy than single-run.
    """
    if os.environ.get("BACKFILL_SINGLE_RUN"):
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=days_per_run)


def of_staged(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the staged sibling has as well."""
    return {name: value for name, value in options.items() if name not in OF_LIVE_ALONE}


def _sources_for(ins: object) -> str:
    """What to write in the place of ``ins``."""
    told = {
        str(parameter): key
        for parameter, one in (ins.items() if isinstance(ins, Mapping) else ())
        if (key := _key_in(str(parameter), one))
    }
    if not told:
        return "Name each source as a parameter, or by sources, which maps parameters to keys."
    written = ", ".join(f"{parameter}={key!r}" for parameter, key in told.items())
    return f"Write sources=dict({written}) in its place."


def _key_in(parameter: str, given: object) -> str:
    if not isinstance(given, dg.AssetIn):
        return ""
    prefix = given.key_prefix or ()
    parts = given.key.path if given.key else [*([prefix] if isinstance(prefix, str) else prefix), parameter]
    return "/".join(parts)


def about_live(key: dg.AssetKey, grain: Grain, own: str | None) -> str:
    """What the page of the live asset says: its author's words, and how its history is recomputed."""
    rule = (
        f"Published. A launch here publishes {grain.value}s that are not published yet, and is refused for the others. "
        f"To recompute history, launch the same partitions on backfill/{key.to_user_string()}. "
        f"Corrections are followed and decided on in {console_named()}."
    )
    return f"{own.strip()}\n\n{rule}" if own else rule
