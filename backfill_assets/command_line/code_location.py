"""The code location that the commands work for: named by ``BACKFILL_DEFINITIONS``, the example's by default."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from backfill_assets.errors.setup import DefinitionsMissing, DefinitionsUnclear, ExtraMissing, WorkspaceUnusable

DEFAULT = "backfill_assets.revenue.definitions"
KINDS = {"python_module": "module_name", "python_package": "package_name", "python_file": "relative_path"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where definitions are: a module, or a file of Python, and the name they have in it; ``name`` is for people."""

    name: str
    module: str = ""
    file: str = ""
    attribute: str = ""
    working_directory: str = ""


def load_code_location(named: str) -> Any:
    """The definitions of a code location.

    Args:
        named: a module, ``module:attribute``, or a workspace file as Dagster reads it; where that holds several code
            locations, ``workspace.yaml:location_name``. Empty takes the example's.

    Raises:
        DefinitionsMissing: when there is no such module, or it has none.
        DefinitionsUnclear: when a module has several, or a workspace several code locations.
        WorkspaceUnusable: when a workspace file cannot be read.
    """
    target = target_of(named or DEFAULT)
    return _definitions_in(_imported(target), target)


def target_of(named: str) -> Target:
    """Where the definitions are that somebody named."""
    path, _, chosen = named.partition(":")
    if path.endswith((".yaml", ".yml")):
        return _target_in_workspace(Path(path), chosen)
    return Target(named, module=path, attribute=chosen)


def _target_in_workspace(file: Path, chosen: str) -> Target:
    try:
        told = yaml.safe_load(file.read_text("utf-8"))
        entries = [_entry(entry, file.parent.absolute()) for entry in told["load_from"]]
    except OSError as error:
        raise WorkspaceUnusable(str(file), (error.strerror or type(error).__name__).lower()) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WorkspaceUnusable(str(file), "it is not YAML") from error
    except (KeyError, TypeError, ValueError) as error:
        raise WorkspaceUnusable(str(file), "it names no Python module, package or file below load_from") from error
    found = {target.name: target for target in entries}
    if chosen and chosen not in found:
        raise DefinitionsMissing(f"{file}:{chosen}")
    if not chosen and len(entries) != 1:
        raise DefinitionsUnclear(str(file), found)
    return found[chosen] if chosen else entries[0]


def _entry(entry: Mapping[str, Any], folder: Path) -> Target:
    """One entry of a workspace file; its paths are relative to that file, as they are for Dagster."""
    ((kind, value),) = entry.items()
    place = KINDS[kind]
    fields: Mapping[str, Any] = {place: value} if isinstance(value, str) else value
    where = str(fields[place])
    file = str(folder / where) if kind == "python_file" else ""
    working_directory = fields.get("working_directory")
    return Target(
        name=str(fields.get("location_name") or where),
        module="" if file else where,
        file=file,
        attribute=str(fields.get("attribute") or ""),
        working_directory=str(folder / working_directory) if working_directory else "",
    )


def _imported(target: Target) -> ModuleType:
    """The module of a target; what is missing inside of it is told by its own traceback."""
    for folder in filter(None, (target.working_directory, str(Path(target.file).parent) if target.file else "")):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if target.file:
        return _module_of_file(target)
    try:
        return importlib.import_module(target.module)
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        absent = getattr(error, "name", None)
        if absent and not f"{target.module}.".startswith(f"{absent}."):
            if target.module == DEFAULT:
                raise ExtraMissing("The example", absent, "demo") from error
            raise
        raise DefinitionsMissing(target.name) from error


def _module_of_file(target: Target) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(target.file).stem, target.file)
    if spec is None or spec.loader is None or not Path(target.file).is_file():
        raise DefinitionsMissing(target.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


def _definitions_in(module: ModuleType, target: Target) -> Any:
    """The definitions of a module: under their given name, or else the ones that it has.

    A module whose definitions depend on what has landed has a function ``load_definitions``, which is called.
    """
    import dagster as dg

    names = [target.attribute] if target.attribute else ["load_definitions", "defs"]
    found = {name: getattr(module, name) for name in names if hasattr(module, name)}
    found = {name: one for name, one in found.items() if isinstance(one, dg.Definitions) or callable(one)}
    if found or target.attribute:
        found = dict(list(found.items())[:1])
    else:
        kinds = {dg.Definitions, type(dg.definitions(_without_definitions))}  # the second has no public name
        found = {name: one for name, one in vars(module).items() if type(one) in kinds}
    if len({id(one) for one in found.values()}) > 1:
        raise DefinitionsUnclear(target.name, found)
    made = next(iter(found.values()), None)
    made = made() if made is not None and not isinstance(made, dg.Definitions) else made
    if not isinstance(made, dg.Definitions):
        raise DefinitionsMissing(target.name)
    return made


def _without_definitions() -> Any:
    """A function such as ``dg.definitions`` takes."""
