"""The Delta features of a table, and which of them forbid a swap: every table is asked here, ours and others'."""

from collections.abc import Iterator, Mapping

from deltalake import DeltaTable

from backfill_assets.core.adoption import Feature
from backfill_assets.errors.lake import FeatureUnsupported

DELETED_ROWS = Feature(
    "deletionVectors",
    "whose files still hold rows that were deleted",
    "Purge and drop them where the table is written (REORG TABLE … APPLY (PURGE), then DROP FEATURE deletionVectors)",
)
RENAMED_COLUMNS = Feature(
    "columnMapping",
    "whose files name columns otherwise than the table does",
    "Drop it where the table is written (DROP FEATURE columnMapping), or write the table anew without it",
)
TRACKED_ROWS = Feature(
    "rowTracking",
    "which needs a number for every row that a swap brings",
    "Drop it where the table is written (DROP FEATURE rowTracking)",
)
ONLY_APPENDS = Feature(
    "delta.appendOnly",
    "under which nothing may be replaced",
    "Set delta.appendOnly to false",
)
CONSTRAINED = "which no swapped file is checked for"
# Features that are in the protocol of a table, and harmless there: what puts some of them in force is found below.
SAFE = frozenset(
    {
        "appendOnly",
        "changeDataFeed",
        "checkConstraints",
        "generatedColumns",
        "invariants",
        "timestampNtz",
        "v2Checkpoint",
        "variantType",
        "variantType-preview",
    }
)
HARMFUL = {feature.name: feature for feature in (DELETED_ROWS, RENAMED_COLUMNS, TRACKED_ROWS)}
# Properties that put a feature in force, and the value that leaves it off.
PROPERTIES: Mapping[str, tuple[str, Feature]] = {
    "delta.enableDeletionVectors": ("false", DELETED_ROWS),
    "delta.columnMapping.mode": ("none", RENAMED_COLUMNS),
    "delta.enableRowTracking": ("false", TRACKED_ROWS),
    "delta.appendOnly": ("false", ONLY_APPENDS),
    "delta.enableChangeDataFeed": ("false", Feature("delta.enableChangeDataFeed")),
}
# Marks of a column, by the beginning of their name.
COLUMN_MARKS = {
    "delta.generationExpression": ("generated column", "which nobody computes for a swapped file"),
    "delta.identity.": ("identity column", "whose numbers only its own writer gives"),
    "delta.invariants": ("invariant of", CONSTRAINED),
}
LEGACY_IDENTITY = 6
# With these a file says something else than the table does.
MISREAD = frozenset({DELETED_ROWS.name, RENAMED_COLUMNS.name})


def features_of(handle: DeltaTable) -> tuple[Feature, ...]:
    """The features that a table uses, harmful or not; one that is only possible by its protocol is left out."""
    found = {feature.name: feature for feature in _used(handle)}
    return tuple(found.values())


def _used(handle: DeltaTable) -> Iterator[Feature]:
    protocol, properties = handle.protocol(), handle.metadata().configuration
    for name in sorted({*(protocol.reader_features or ()), *(protocol.writer_features or ())} - SAFE):
        yield HARMFUL.get(name) or Feature(
            name, "which the writer of a swap does not know", f"Drop the feature {name} where the table is written"
        )
    if protocol.writer_features is None and protocol.min_writer_version >= LEGACY_IDENTITY:
        yield Feature(
            f"writer version {protocol.min_writer_version}",
            "which the writer of a swap does not know",
            "Write the table anew with writer version 7 and the features that it needs",
        )
    for name, (off, feature) in PROPERTIES.items():
        if properties.get(name, off).lower() != off:
            yield Feature(name, feature.harm, feature.change)
    for name in sorted(properties):
        if name.startswith("delta.constraints."):
            constraint = name.removeprefix("delta.constraints.")
            yield Feature(
                f"constraint {constraint}", CONSTRAINED, f"Drop the constraint {constraint} and check it in the asset"
            )
    yield from _marked_columns(handle)


def _marked_columns(handle: DeltaTable) -> Iterator[Feature]:
    for field in handle.schema().fields:
        for mark, (what, harm) in COLUMN_MARKS.items():
            if any(name.startswith(mark) for name in field.metadata):
                change = f"Write {field.name} as a plain column, computed by the asset"
                yield Feature(f"{what} {field.name}", harm, change)


def refuse_unsafe(uri: str, handle: DeltaTable) -> None:
    """Refuse a table with a Delta feature under which a swap would lose, double or break rows.

    Raises:
        FeatureUnsupported: naming the features.
    """
    if unsafe := [feature.name for feature in features_of(handle) if feature.harm]:
        raise FeatureUnsupported(uri, unsafe)


def misread(handle: DeltaTable) -> tuple[str, ...]:
    """The features with which the files hold rows that were deleted, or columns under other names."""
    properties = handle.metadata().configuration
    found = [name for name in sorted(MISREAD) if name in (handle.protocol().reader_features or ())]
    mapping = properties.get("delta.columnMapping.mode", "none").lower()
    return tuple(found if mapping == "none" else [*found, "delta.columnMapping.mode"])


def refuse_unreadable(uri: str, handle: DeltaTable) -> None:
    """Refuse a table whose files say something else than the table does.

    Raises:
        FeatureUnsupported: naming the features.
    """
    if found := misread(handle):
        raise FeatureUnsupported(uri, found)
