"""What the builders are given that cannot be used, refused by name when definitions load."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from backfill_assets.core.audiences import Audience
from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.errors.transform import TransformUnusable

MOST_DAYS_KEPT = 36_500
AS_THEY_ARE = "Give a list of the assets themselves, each once"
MADE_ELSEWHERE = f"{AS_THEY_ARE}, and dg.AssetsDefinition(specs=[...]) for one that is made elsewhere."
MADE_HERE = f"{AS_THEY_ARE}, such as functions decorated with dg.asset."


def described(given: object) -> str:
    """What something is, for a sentence.

    >>> described("daily"), described(None), described(dg.AssetKey("orders"))
    ("'daily'", 'None', 'the key orders')
    """
    if isinstance(given, dg.AssetKey):
        return f"the key {given.to_user_string()}"
    if isinstance(given, dg.AssetsDefinition):
        return f"the asset {', '.join(sorted(key.to_user_string() for key in given.keys))}"
    if isinstance(key := getattr(given, "key", None), dg.AssetKey):
        return f"the {type(given).__name__} of {key.to_user_string()}"
    if isinstance(given, type):
        return f"the class {given.__name__}"
    if inspect.isroutine(given):
        return f"the function {getattr(given, '__name__', '')}"
    if given is None or isinstance(given, str | int | float):
        return in_one_line(repr(given))
    return f"a {type(given).__name__}"


def asset_given(asset: object) -> dg.AssetsDefinition:
    """What is given as the correctable asset, when it is an asset.

    Raises:
        ArgumentUnusable: saying what it is instead.
    """
    if isinstance(asset, dg.AssetsDefinition):
        return asset
    found = "nothing" if asset is None else described(asset)
    instead = "Give the asset that correctable_asset made of a function."
    raise ArgumentUnusable("build_correction_definitions", "asset", found, instead)


def refuse_assets(table: str, argument: str, given: object, instead: str = MADE_ELSEWHERE) -> None:
    """Refuse what is no list of different assets.

    Raises:
        ArgumentUnusable: naming the first that is none, or that is there twice.
    """
    refuse_list(table, argument, given, lambda one: isinstance(one, dg.AssetsDefinition), instead)
    seen = set[dg.AssetKey]()
    for key in (key for one in _all(given) for key in one.keys):
        if key in seen:
            raise ArgumentUnusable(table, argument, f"{key.to_user_string()} twice", instead)
        seen.add(key)


def refuse_reports(table: dg.AssetKey, name: str, reports: Collection[Any], sources: Collection[Any]) -> None:
    """Refuse reports that nothing here makes, and assets that are more than one of table, source and report.

    Raises:
        ArgumentUnusable: naming the asset.
    """
    read, built = ({key for one in given for key in one.keys} for given in (sources, reports))
    once = "Let each asset be either the table, a source of it or a report of it."
    for key in sorted((read & built) | ({table} & (read | built))):
        argument = "sources" if key in read else "reports"
        found = f"{key.to_user_string()}, which is {'the table itself' if key == table else 'a report as well'}"
        raise ArgumentUnusable(name, argument, found, once)
    if absent := [one for one in reports if not one.is_executable]:
        found = f"{described(absent[0])}, which nothing here makes"
        raise ArgumentUnusable(name, "reports", found, "Leave it out of the reports, or give the asset that makes it.")


def refuse_list(table: str, argument: str, given: object, fits: Callable[[Any], bool], instead: str) -> None:
    """Refuse what is no list, or holds something that does not fit.

    Raises:
        ArgumentUnusable: naming what was given.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ArgumentUnusable(table, argument, described(given), instead)
    if strange := [one for one in _all(given) if not fits(one)]:
        raise ArgumentUnusable(table, argument, described(strange[0]), instead)


def refuse_options_of_corrections(table: str, rollback_days: object, render: object, **lists: object) -> None:
    """Refuse what else the builder is given: days, and the lists ``verify``, ``prove``, ``holders`` and ``audiences``.

    Raises:
        ArgumentUnusable: naming the first argument that cannot be used.
    """
    if not is_whole(rollback_days, 1, MOST_DAYS_KEPT):
        instead = f"Give a whole number of days from 1 to {MOST_DAYS_KEPT}."
        raise ArgumentUnusable(table, "rollback_days", described(rollback_days), instead)
    if render is not None and not callable(render):
        raise ArgumentUnusable(table, "render", described(render), "Give a function, or leave it out.")
    for argument in ("verify", "prove"):
        refuse_list(table, argument, lists[argument], callable, "Give a list of functions, or leave it out.")
    for argument, kind, said in (("holders", str, "names"), ("audiences", Audience, "Audience(...)")):
        fits = _instances(kind)
        refuse_list(table, argument, lists[argument], fits, f"Give a list of {said}, or leave it out.")


def refuse_declared(name: str, told: Mapping[str, object]) -> None:
    """Refuse what ``correctable_asset`` is told that is of another kind than it has to be.

    Raises:
        TransformUnusable: naming the argument.
    """
    schema, version = told["schema"], told["code_version"]
    if schema is not None and not callable(getattr(schema, "validate", None)):
        why = f"its schema is {described(schema)} and validates nothing"
        raise TransformUnusable(name, why, "Give a model of Pandera or anything with validate(frame), or leave it out.")
    if version is not None and not isinstance(version, str):
        raise TransformUnusable(name, f"its code_version is {described(version)}", "Give text, or leave it out.")
    for argument, least in (("look_back_days", 0), ("days_per_run", 1)):
        if not is_whole(told[argument], least, MOST_DAYS_KEPT):
            why = f"its {argument} is {described(told[argument])}"
            raise TransformUnusable(name, why, f"Give a whole number of days from {least}.")


def refuse_sources(name: str, given: object, parameters: Collection[str], kinds: tuple[type, ...]) -> None:
    """Refuse a mapping of sources that names no parameters, or no keys; ``kinds`` are what may stand beside keys.

    Raises:
        TransformUnusable: naming what it holds.
    """
    instead = "Map each parameter of the function to the key of an asset, such as finance/orders, or to a Source."
    if not isinstance(given, Mapping):
        raise TransformUnusable(name, f"its sources are {described(given)}", instead)
    for parameter, source in given.items():
        if parameter not in parameters:
            raise TransformUnusable(name, f"its function has no source {parameter!r} among its parameters", instead)
        if not is_key(source) and not isinstance(source, kinds):
            raise TransformUnusable(name, f"its source {parameter} is {described(source)}", instead)


def refuse_key(name: str, options: Mapping[str, Any]) -> None:
    """Refuse a key that is none, and one that is given twice over.

    Raises:
        TransformUnusable: naming the argument.
    """
    told = {one: options[one] for one in ("key", "name", "key_prefix") if options.get(one) is not None}
    instead = "Give key alone, or name and key_prefix, as text or a list of it."
    if "key" in told and len(told) > 1:
        raise TransformUnusable(name, f"it has {' and '.join(told)} at once", instead)
    for argument, value in told.items():
        if not (isinstance(value, str) if argument == "name" else is_key(value)):
            raise TransformUnusable(name, f"its {argument} is {described(value)}", instead)


def is_key(given: object) -> bool:
    """Whether something names an asset: text, parts of a key, or the key."""
    if isinstance(given, str | dg.AssetKey):
        return bool(given)
    return isinstance(given, Sequence) and bool(given) and all(isinstance(part, str) for part in _all(given))


def is_whole(given: object, least: int, most: int) -> bool:
    """Whether something is a whole number within bounds; a truth is none."""
    return isinstance(given, int) and not isinstance(given, bool) and least <= given <= most


def _instances(kind: type) -> Callable[[object], bool]:
    return lambda one: isinstance(one, kind)


def _all(given: Any) -> Iterable[Any]:
    return given
