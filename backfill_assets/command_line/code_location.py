"""The code location that the commands work for: named by ``BACKFILL_DEFINITIONS``, the example's by default."""

import importlib
import importlib.util
import inspect
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from backfill_assets.errors.base import BackfillAssetsError, fault_told
from backfill_assets.errors.code_location import (
    DefinitionsFailed,
    DefinitionsMissing,
    DefinitionsUnclear,
    ResourceMissing,
    WorkspaceUnusable,
)
from backfill_assets.errors.setup import ExtraMissing

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
        DefinitionsFailed: when it raises an error of its own.
        DefinitionsUnclear: when a module has several, or a workspace several code locations.
        WorkspaceUnusable: when a workspace file cannot be read.
    """
    target = target_of(named or DEFAULT)
    with _own_faults_told(target):
        return _definitions_in(_imported(target), target)


@contextmanager
def _own_faults_told(target: Target) -> Iterator[None]:
    """Tell what the code location raises by itself, with the line of its own that did."""
    try:
        yield
    except BackfillAssetsError:
        raise
    except (Exception, SystemExit) as error:
        raise DefinitionsFailed(target.name, fault_told(error), _place_of(error)) from error


def _place_of(error: BaseException) -> str:
    """The last line that was executed outside of this package, of Python and of what is installed beside it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    packages = {Path(importlib.__file__).parents[1], Path(__file__).parents[1]}
    own = [
        (file, line)
        for file, line in frames
        if file.is_file() and "site-packages" not in file.parts and not packages.intersection(file.parents)
    ]
    return f"{own[-1][0].name}, line {own[-1][1]}" if own else ""


def refuse_unrunnable(definitions: Any, named: str) -> None:
    """Refuse definitions of which Dagster could make no runs.

    Raises:
        ResourceMissing: when their assets take resources that they lack.
        DefinitionsFailed: when Dagster refuses them otherwise, such as two assets of one key.
    """
    import dagster as dg

    _refuse_missing_resources(definitions)
    try:
        definitions.get_repository_def()
    except dg.DagsterError as error:
        raise DefinitionsFailed(named or DEFAULT, fault_told(error), "") from error


def warn_of_checks(definitions: Any, tables: Mapping[str, Any]) -> None:
    """Warn of each blocking check on a correctable table that its corrections do not ask."""
    import dagster as dg

    from backfill_assets.orchestration.asset.own_checks import checks_not_asked

    try:
        graph = definitions.resolve_asset_graph()
    except dg.DagsterError:
        return  # refused as soon as anything is to be run
    for one in tables.values():
        for sentence in checks_not_asked(graph, one.asset.key, one.prove):
            warnings.warn(sentence, stacklevel=2)


def _refuse_missing_resources(definitions: Any) -> None:
    import dagster as dg

    known = definitions.resources or {}
    taken = [
        (key, asset.key.to_user_string() if len(asset.keys) == 1 else str(asset.node_def.name))
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
        for key in asset.required_resource_keys
    ]
    for missing in sorted({key for key, _ in taken} - {*known, "io_manager"}):
        raise ResourceMissing(missing, [asset for key, asset in taken if key == missing], known)


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
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise WorkspaceUnusable(str(file), "it is not YAML") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
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
    kinds = (type(dg.definitions(_without_definitions)), dg.Definitions)  # the first has no public name
    found = {name: one for name, one in found.items() if type(one) in kinds or _is_called_without_anything(one)}
    only = {} if target.attribute else _only_ones(module, target, kinds)
    found = found or only
    made = next(iter(found.values()), None)
    made = made() if made is not None and not isinstance(made, dg.Definitions) else made
    if not isinstance(made, dg.Definitions):
        raise DefinitionsMissing(target.name)
    return made


def _only_ones(module: ModuleType, target: Target, kinds: tuple[type, ...]) -> dict[str, Any]:
    """The definitions of a module, whatever they are called; several are refused, as Dagster does."""
    of_kinds = ({name: one for name, one in vars(module).items() if type(one) is kind} for kind in kinds)
    found = next((of_kind for of_kind in of_kinds if of_kind), {})
    if len({id(one) for one in found.values()}) > 1:
        raise DefinitionsUnclear(target.name, found)
    return found


def _is_called_without_anything(found: object) -> bool:
    """Whether something is a function of no arguments, or of none that it must be given."""
    if not inspect.isroutine(found):
        return False
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return False
    return True


def _without_definitions() -> Any:
    """A function such as ``dg.definitions`` takes."""
