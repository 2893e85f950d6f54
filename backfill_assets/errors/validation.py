"""Refusals around validation: frames that cannot be compared, expectations that cannot be evaluated, certificates.

A side is "old" (what readers see) or "new" (what was staged).
"""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, counted, listed
from backfill_assets.errors.request import Window

Row = Mapping[str, object]


def _row(row: Row) -> str:
    return " ".join(f"{name} {value}" for name, value in row.items())


class ColumnsMissing(BadInput):
    """A side lacks columns that the other has, or that were named as keys, measures or day."""

    def __init__(self, side: str, columns: Collection[str]) -> None:
        super().__init__(
            f"The {side} side lacks the columns {listed(columns)}. Nothing was compared. "
            "Add them on that side or leave them out on both, then compare again."
        )


class TypesDiffer(BadInput):
    """A column has one type on one side and another on the other."""

    def __init__(self, types: Mapping[str, tuple[str, str]]) -> None:
        culprits = [f"{column} {old} and {new}" for column, (old, new) in types.items()]
        super().__init__(
            f"Columns have different types on the old and the new side ({listed(culprits)}). Nothing was compared, "
            "because a cast could hide a difference. Give both sides the same type."
        )


class DayNotDate(BadInput):
    """The column that splits the comparison into days does not hold dates."""

    def __init__(self, column: str, dtype: str) -> None:
        super().__init__(
            f"The column {column} is a {dtype}, but a comparison by day needs a Date. Nothing was compared. "
            "Cast it to Date, or name the column that holds the day."
        )


class MeasureNotExact(BadInput):
    """A measure is neither a decimal nor an integer, so its sum depends on the order of the rows."""

    def __init__(self, types: Mapping[str, str]) -> None:
        culprits = [f"{column} {dtype}" for column, dtype in types.items()]
        super().__init__(
            f"A measure has to be a decimal or an integer to be summed exactly ({listed(culprits)}). "
            "Nothing was compared. Declare the column as a Decimal, or leave it out of the measures."
        )


class AmountsTooLarge(BadInput):
    """The sum of a column could exceed 127 bits and would then be wrong without anybody noticing."""

    def __init__(self, column: str) -> None:
        super().__init__(
            f"The amounts of {column} are too large to be summed exactly. Nothing was concluded from the comparison. "
            "Store the column with a smaller scale, or leave it out."
        )


class KeysNull(BadInput):
    """Rows without a value in a key column cannot be matched."""

    def __init__(self, side: str, counts: Mapping[str, int]) -> None:
        culprits = [f"{column} in {counted(count, 'row')}" for column, count in counts.items()]
        super().__init__(
            f"Key columns are null on the {side} side ({listed(culprits)}). Nothing was concluded from the comparison. "
            "Fill them upstream, or name keys that every row has."
        )


class KeysNotUnique(BadInput):
    """More than one row of a side has the same key.

    Args:
        side: "old" or "new".
        count: how many keys occur more than once.
        examples: up to five of these keys.
    """

    def __init__(self, side: str, count: int, examples: Collection[Row]) -> None:
        noun = "key occurs" if count == 1 else "keys occur"
        named = listed([_row(example) for example in examples])
        beyond = f" and {count - len(examples)} more" if count > len(examples) else ""
        super().__init__(
            f"On the {side} side {count} {noun} more than once ({named}{beyond}). Nothing was concluded from the "
            "comparison, and no data was changed. Remove the doubled rows, or name keys that tell the rows apart."
        )


class ExpectationUnreadable(BadInput):
    """A clause of an expectation has a value of the wrong form."""

    def __init__(self, clause: str, value: object, wanted: str) -> None:
        super().__init__(
            f"The clause {clause} cannot be {value!r}. Nothing was opened or written. It has to be {wanted}."
        )


class ClauseUnknown(BadInput):
    """An expectation names clauses that do not exist."""

    def __init__(self, names: Collection[str], known: Collection[str]) -> None:
        super().__init__(
            f"An expectation has no clause {listed(names)}. Nothing was opened or written. "
            f"The clauses are {', '.join(sorted(known))}."
        )


class ShareAmbiguous(BadInput):
    """A share of 1 or more without a percent sign: 2 may mean 2 % or 200 %."""

    def __init__(self, clause: str, value: object) -> None:
        super().__init__(
            f"The clause {clause} says {value}, which may mean {value} % or {value} times as much. "
            f'Nothing was opened or written. Write it with a percent sign, as in "{value}%".'
        )


class ExpectationContradictory(BadInput):
    """Two clauses cannot both be met.

    Args:
        clauses: the two clauses.
        because: why, as a clause that follows "because".
    """

    def __init__(self, clauses: Collection[str], because: str) -> None:
        super().__init__(
            f"The clauses {' and '.join(clauses)} cannot both be met, because {because}. Nothing was opened or "
            "written. Drop one of them, or correct the one that is wrong."
        )


class ExpectedColumnsUnknown(BadInput):
    """An expectation names columns that the table does not have."""

    def __init__(self, clause: str, columns: Collection[str], known: Collection[str]) -> None:
        super().__init__(
            f"The clause {clause} names columns that the table lacks ({listed(columns)}). Nothing was opened or "
            f"written. The table has {', '.join(sorted(known))}."
        )


class KeysCannotDiffer(BadInput):
    """An expectation lets a key differ; a row with another key is another row."""

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(
            f"The clause columns names keys of the table ({listed(keys)}), and a row whose key differs is another row. "
            "Nothing was opened or written. Leave the keys out, and leave same_rows out if rows may appear and "
            "disappear."
        )


class ClauseHoldsNothing(BadInput):
    """A clause is met whatever happens, because the table has nothing that it could be compared with.

    Args:
        clauses: those that are met whatever happens.
        because: why, as a clause that follows "because".
    """

    def __init__(self, clauses: Collection[str], because: str) -> None:
        super().__init__(
            f"The expectation would be met whatever happens in {listed(clauses)}, because {because}. "
            "Nothing was opened or written. Leave it out, or declare what may fail."
        )


class EstimateOutsideWindow(BadInput):
    """An estimate predicts changes of days that are not corrected."""

    def __init__(self, days: Collection[date]) -> None:
        super().__init__(
            f"The clause estimate predicts changes of {listed(days)} outside the window. Nothing was "
            "opened or written. Widen the window, or leave these out."
        )


class NothingHeldUnchanged(BadInput):
    """No live row of the window meets the condition of ``unchanged_where``, so that it would compare nothing."""

    def __init__(self, condition: str, table: str, window: Window, undecided: int) -> None:
        null = f", and is null for {undecided} of them" if undecided else ""
        super().__init__(
            f"The condition {condition!r} of unchanged_where is true for no live row of {table} in {window}{null}. "
            "Nothing was opened or written. Look at how the values are written, or leave the clause out."
        )


class ConditionUnusable(BadInput):
    """The condition of ``unchanged_where`` is no SQL expression, or does not decide row by row.

    Args:
        condition: the SQL as written.
        fault: what it is instead, as the end of "The condition … ".
    """

    def __init__(self, condition: str, fault: str) -> None:
        super().__init__(
            f"The condition {condition!r} of unchanged_where {fault}. Nothing was opened or written. "
            "Write an SQL expression that is true or false for each row, such as \"status = 'paid'\"."
        )


class CertificateAltered(Refused):
    """A stored certificate does not carry the digest that its content has."""

    def __init__(self, correction: str) -> None:
        super().__init__(
            f"The certificate of correction {correction} was altered after it was written. Live is untouched, and the "
            "certificate is not accepted. Validate the correction again."
        )
