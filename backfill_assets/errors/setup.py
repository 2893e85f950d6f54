"""Refusals at load: definitions that cannot work, and what is not installed."""

from collections.abc import Collection, Generator
from contextlib import contextmanager

from backfill_assets.errors.base import BackfillAssetsError, BadInput, in_one_line, listed, verb


class ExtraMissing(BadInput):
    """Something was wanted that takes an extra of the package; ``what`` is the beginning of a sentence."""

    def __init__(self, what: str, module: str, extra: str) -> None:
        super().__init__(
            f"{what} takes {module}, which is not installed. Nothing of it was done, everything else was. "
            f"Install backfill-assets[{extra}] into the environment that runs it."
        )


@contextmanager
def needs_extra(extra: str, what: str) -> Generator[None]:
    """Import inside of it what only an extra installs; ``what`` is taken for, such as "Drawing a chart".

    Raises:
        ExtraMissing: naming the extra, when a module is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(what, error.name or "a module", extra) from error


class ReportUnreachable(BadInput):
    """A report was named that does not read the table, or that has no partitions to rebuild."""

    def __init__(self, report: str) -> None:
        super().__init__(
            f"{report} was given as a report, but reads neither the table nor another of its reports by partitions. "
            "Nothing was loaded. Give it partitions and a dependency on the table, or leave it out."
        )


class AssetNotCorrectable(BadInput):
    """An asset was given as correctable that is not; ``why`` is the middle of a sentence."""

    def __init__(self, asset: str, why: str) -> None:
        super().__init__(
            f"{asset} {why}, so its history cannot be corrected. Nothing was loaded. "
            "Give what correctable_asset made, and name it there, by name, key_prefix or key."
        )


class ArgumentUnusable(BadInput):
    """A builder was given something that it cannot use; ``found`` is part of a sentence, ``instead`` a whole one."""

    def __init__(self, given_to: str, argument: str, found: str, instead: str) -> None:
        super().__init__(f"{given_to} cannot be given {found} as {argument}. Nothing was loaded. {instead}")


class SourcesUnknown(BadInput):
    """The compute function's parameters do not name the sources given."""

    def __init__(self, table: str, unknown: Collection[str]) -> None:
        super().__init__(
            f"{table} reads {listed(unknown)}, which {verb(len(unknown), 'is', 'are')} not among its sources. "
            "Nothing was loaded. "
            "Pass the asset of each parameter of the function in sources."
        )


class PartitionsIrregular(BadInput):
    """A correctable asset needs regular partitions; ``what`` says which it has, "partitioned by fixed names"."""

    def __init__(self, table: str, what: str) -> None:
        super().__init__(
            f"{table} is {what}, and a correctable table is partitioned by every hour, day, week or month. "
            "Nothing was loaded. Give it one of Dagster's hourly, daily, weekly or monthly partitions definitions, "
            "without exclusions."
        )


class PartitionsUnusable(BadInput):
    """An asset is partitioned in a way that is not honoured; ``what`` and ``instead`` are parts of sentences."""

    def __init__(self, asset: str, what: str, instead: str) -> None:
        super().__init__(f"{asset} is {what}, which is not supported here. Nothing was done. {instead}.")


class PartitionsApart(BadInput):
    """The partitions of an asset do not lead to those of an asset it reads."""

    def __init__(self, asset: str, parent: str, why: str) -> None:
        reason = " ".join(why.replace(": ", ", ").split()).rstrip(".")[:300]
        super().__init__(
            f"Partitions of {asset} cannot be mapped to those of {parent}, because Dagster says {reason!r}. "
            f"Nothing was loaded. Give both the same time zone, or the dependency a partition mapping."
        )


class PartitionUnknown(BadInput):
    """Partition keys that an asset's definition does not have, perhaps any more."""

    def __init__(self, asset: str, keys: Collection[str], definition: str) -> None:
        known = definition.rstrip(".").replace(": ", ", ")
        super().__init__(
            f"{asset} has no partition {listed(keys)}, because it is partitioned as {known}. Nothing of it was built. "
            "Where its definition has changed meanwhile, put the earlier one back or build it by hand."
        )


class ColumnsDeclaredWrongly(BadInput):
    """Keys or measures that cannot be what they are declared to be.

    Args:
        table: the table.
        argument: keys or measures.
        names: the offending ones.
        fault: what is wrong with them, as the end of a sentence.
    """

    def __init__(self, table: str, argument: str, names: Collection[object], fault: str) -> None:
        super().__init__(
            f"{table} declares {argument} with {listed(names)}, {fault}. Nothing was loaded. "
            "Give a list of different columns, as keys those that identify a row, as measures decimals or integers."
        )


class TableNameUnfit(BadInput):
    """An asset key cannot name a table and what belongs to it."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The asset key {key} cannot name a table of the lake and the jobs around it. Nothing was loaded. "
            "Use letters, digits and underscores in each part of the key, and begin with a letter or a digit."
        )


class TablesAlike(BadInput):
    """Two assets would be kept in one table."""

    def __init__(self, table: str, keys: Collection[str]) -> None:
        super().__init__(
            f"The assets {listed(keys)} would share the table {table}, and each overwrite the other. "
            "Nothing was loaded. Give one of them another key."
        )


class HistoryPolicyUnknown(BadInput):
    """A report declares something strange about what it does while history changes."""

    def __init__(self, report: str, policy: str, known: Collection[str]) -> None:
        super().__init__(
            f"{report} declares {policy} for the time while history changes. Nothing was loaded. "
            f"Declare one of {listed(known)}."
        )


class SourceLimitInvalid(BadInput):
    """A source declares a limit that is no positive number."""

    def __init__(self, source: str, limit: str, value: object) -> None:
        super().__init__(
            f"{source} declares {limit} as {value!r}, which is not a positive number. Nothing was loaded. "
            "Give a number of at least 1, or leave it out."
        )


class ReadersInvalid(BadInput):
    """A source declares how many may read it at once by no whole number, or without a rate."""

    def __init__(self, source: str, value: object) -> None:
        super().__init__(
            f"{source} declares backfill_assets/readers as {value!r}, which is no whole number of at least 1 "
            "beside backfill_assets/days_per_minute. Nothing was loaded. "
            "Give both, since only waves that keep a rate read a source one after another."
        )


class FirstDayUnreadable(BadInput):
    """The first day was given as something else than a day."""

    def __init__(self, variable: str, told: str) -> None:
        super().__init__(
            f"{variable} is {told!r}, which is not a day of the form YYYY-MM-DD. Nothing was loaded. "
            "Give the first day to publish, or leave it out for the earliest that landed."
        )


class FirstDayUnknown(BackfillAssetsError):
    """The lake could not be asked for the first day."""

    def __init__(self, lake: str, variable: str, why: str) -> None:
        where = lake.replace(": ", " ")
        super().__init__(
            f"The first day could not be read from {where} ({why}). Nothing was loaded. "
            f"Make the lake reachable, or set {variable}."
        )


class InputsApart(BadInput):
    """Nightly takes an input and a table through the same days, which have other partitions."""

    def __init__(self, table: str, asset: str) -> None:
        super().__init__(
            f"{asset} and {table} have different partitions, although nightly builds both for the same days. "
            "Nothing was loaded. Give both the same partitions definition."
        )


WRITTEN = {
    "nightly": "Give build_correction_definitions nightly=NightlySpec(), or publish by a schedule of your own, whose "
    "runs have the tag backfill_assets/publish with the value live.",
    "audit": "Give build_correction_definitions watch=[audit()] of backfill_assets.watch.",
    "reconcile": "Give build_correction_definitions watch=[reconcile(against(...))] of backfill_assets.watch.",
}
"""What to write where a code location has none of something."""


class TableUnclear(BadInput):
    """A code location has nothing of what was asked for, or has it for several tables."""

    def __init__(self, what: str, tables: Collection[str]) -> None:
        found = f"a {what} for each of {listed(tables)}" if tables else f"no {what}"
        instead = f"Name one of the tables, such as {min(tables)}." if tables else WRITTEN.get(what, "Build one first.")
        super().__init__(f"The code location has {found}. Nothing was done. {instead}")


class NotOfTable(BadInput):
    """A code location has something that was asked for, but not for this table."""

    def __init__(self, what: str, table: str, tables: Collection[str]) -> None:
        super().__init__(f"{table} has no {what} here. Nothing was done. Name a table that has one ({listed(tables)}).")


class DecisionsUnknown(BadInput):
    """A code location has no source whose files may wait for a person's decision."""

    def __init__(self) -> None:
        super().__init__(
            "The code location has no source whose files can take something back. Nothing was done. "
            "Give its nightly the files that wait for a decision, or name another code location."
        )


class AudienceUnusable(BadInput):
    """A sentence of an audience names something to be filled in that no notice has."""

    def __init__(self, audience: str, sentence: str) -> None:
        super().__init__(
            f"Audience {audience} has a sentence that cannot be filled in ({in_one_line(sentence)}). "
            "Nothing was loaded. "
            "Use {months}, {days} and {correction} only, and double every other brace."
        )


class LookBackInvalid(BadInput):
    """A source is to be looked back at by what is no number of slots."""

    def __init__(self, table: str, source: str, given: object) -> None:
        super().__init__(
            f"{table} looks back at {given!r} slots of {source}, which is no whole number from 0. "
            "Nothing was loaded. Give look_back as the number of slots before each one that are read as well."
        )


class OwnTableRead(BadInput):
    """A transform reads the table that it makes."""

    def __init__(self, table: str, parameter: str) -> None:
        super().__init__(
            f"{table} reads itself by the parameter {parameter}, and of itself it can read the slot before alone. "
            f'Nothing was loaded. Give carries_state="{parameter}" instead of a source.'
        )


class SecretGiven(BadInput):
    """Secrets of a place are written where others read them: in its address, or in the code as an option of it."""

    def __init__(self, options: Collection[str], of: str = "The lake") -> None:
        super().__init__(
            f"{of} is given {listed(options)} with a secret as text, which would be kept in clear and shown. "
            "Nothing was loaded. "
            "Give dg.EnvVar in its place, or set the environment variable only, which is read without being named here."
        )
