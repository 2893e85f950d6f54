"""Refusals of a code location that cannot be loaded, or lacks what every command needs."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, listed, verb


class DefinitionsMissing(BadInput):
    """A module was named as the code location that has no definitions."""

    def __init__(self, module: str) -> None:
        super().__init__(
            f"{module} is no module, or has no dagster Definitions at its top level. Nothing was done. "
            "Let BACKFILL_DEFINITIONS name the module of your code location."
        )


class DefinitionsFailed(BadInput):
    """The code location raised an error of its own while it was loaded; ``where`` is a file with its line."""

    def __init__(self, named: str, fault: str, where: str) -> None:
        at = f" at {where}" if where else ""
        super().__init__(
            f"The code location {named} raised an error while it was loaded ({fault}{at}). Nothing was done. "
            "Repair it until Dagster loads it too, as dagster definitions validate shows."
        )


class DefinitionsUnclear(BadInput):
    """What was named as the code location has several sets of definitions; ``names`` are theirs."""

    def __init__(self, named: str, names: Collection[str]) -> None:
        super().__init__(
            f"{named} has several definitions, named {listed(names)}. Nothing was done. "
            "Let BACKFILL_DEFINITIONS say which, by their name after a colon, or leave it one, as Dagster asks."
        )


class WorkspaceUnusable(BadInput):
    """A workspace file was named that cannot be used; ``why`` is the end of a sentence."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The workspace file {file} cannot be used, {why}. Nothing was done. "
            "Let BACKFILL_DEFINITIONS name a module, or a workspace file that names one."
        )


class NoTableCorrectable(BadInput):
    """A code location has no correctable table."""

    def __init__(self) -> None:
        super().__init__(
            "The code location has no correctable table. Nothing was done. "
            "Merge what build_correction_definitions makes into its definitions, or name another code location."
        )


class LakeMissing(BadInput):
    """A code location has no lake; ``found`` is what stands under its name, ``names`` are its resources."""

    def __init__(self, found: str = "", names: Collection[str] = ()) -> None:
        instead = f" but {found}" if found else ""
        others = f", its resources are {listed(names)}" if names else ""
        super().__init__(
            f"The code location has no LakeResource under the name lake{instead}{others}. Nothing was done. "
            "Give lake=LakeResource() among the resources of its definitions, or take all of lake_resources()."
        )


class ResourceMissing(BadInput):
    """Assets take a resource that the code location has not; ``names`` are those it has."""

    def __init__(self, missing: str, assets: Collection[str], names: Collection[str]) -> None:
        super().__init__(
            f"{listed(assets)} {verb(len(assets), 'takes', 'take')} the resource {missing}, and the code location has "
            f"{listed(names) or 'none'}. Nothing was done. "
            f"Give {missing} among the resources of its definitions; lake_resources() has those of this library."
        )
