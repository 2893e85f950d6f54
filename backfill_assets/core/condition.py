"""The SQL condition of ``unchanged_where``: what may stand in it, and which rows of a frame meet it."""

import re
from collections.abc import Collection, Mapping
from typing import Any, cast

import polars as pl

from backfill_assets.errors.validation import ConditionUnusable, ExpectedColumnsUnknown

LONGEST, MOST_PARTS = 20_000, 1_000
NO_ROWS_ALONE = "does not decide row by row"
# What answers from the row alone, the same at any time and in any company.
_OF_THE_ROW = """abs bit_length cast ceil ceiling char_length character_length coalesce concat concat_ws date_part div
ends_with floor greatest if ifnull initcap least left length lower ltrim mod nullif octet_length pow power regexp_like
replace reverse right round rtrim sign sqrt starts_with strftime strpos substr substring trim try_cast upper"""
# Keywords and types that a parenthesis may follow.
_GRAMMAR = "and between case char dec decimal else ilike in is like not numeric or then varchar when"
# What reads other rows, other tables, files, or the clock.
_OF_OTHERS = """all any current_date current_time current_timestamp except exists from group having intersect interval
limit localtime localtimestamp offset order over qualify select some table union values window with"""
CALLED = frozenset(_OF_THE_ROW.split()) | frozenset(_GRAMMAR.split())
FOREIGN = frozenset(_OF_OTHERS.split())
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--|/\*|[^\W\d]\w*|\S""")
DIGITS_AND_QUOTES = frozenset("0123456789'")
SHOWN = 200
_ANSWER = "the condition holds"
_WORD = re.compile(r"[^\W\d]\w*")


def refuse_unusable(condition: str) -> None:
    """Refuse what is no SQL, or more than a condition on a row; no table has to be known.

    Raises:
        ConditionUnusable: saying why.
    """
    _refuse_foreign(condition)
    try:
        _with_answer(pl.LazyFrame(schema={"": pl.Null}), condition).collect_schema()
    except pl.exceptions.SQLInterfaceError as error:
        raise ConditionUnusable(condition, "is not SQL") from error
    except pl.exceptions.PolarsError:
        pass  # About columns, which are not known yet.


def refuse_undecided(condition: str, columns: Mapping[str, Any] | Collection[str]) -> None:
    """Refuse what the columns of a table, with their types or without, make impossible.

    Raises:
        ExpectedColumnsUnknown: when it names a column that the table lacks.
        ConditionUnusable: when it is not true or false for each row.
    """
    _refuse_foreign(condition)
    known: list[str] = list(columns)
    types = dict(cast("Mapping[str, Any]", columns)) if isinstance(columns, Mapping) else {}
    frame = pl.LazyFrame(schema=types or dict.fromkeys(known, pl.Null))
    try:
        dtype = _with_answer(frame, condition).collect_schema()[_ANSWER]
        if types and dtype == pl.Boolean:
            rows_where(frame, condition).collect()
    except pl.exceptions.ColumnNotFoundError as error:
        missing = re.search(r'column "([^"]*)"', str(error))
        raise ExpectedColumnsUnknown("unchanged_where", {missing[1] if missing else condition}, known) from error
    except pl.exceptions.SQLInterfaceError as error:
        raise ConditionUnusable(condition, "is not SQL") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ConditionUnusable(condition, NO_ROWS_ALONE) from error
    if types and dtype != pl.Boolean:
        raise ConditionUnusable(condition, f"is a {dtype}")


def rows_where(frame: pl.LazyFrame, condition: str) -> pl.LazyFrame:
    """The rows of a frame that meet an SQL condition; a condition that is null is not met."""
    # Not pl.sql_expr, which cannot parse IN (…) without knowing the columns.
    return frame.sql(f"SELECT * FROM self WHERE ({condition})")  # noqa: S608 - lazily, on this frame alone


def counted_where(frame: pl.LazyFrame, condition: str) -> pl.LazyFrame:
    """How many rows there are, how many meet a condition (``met``), and for how many it is null (``undecided``)."""
    counts = {"rows": pl.len(), "met": pl.col(_ANSWER).sum(), "undecided": pl.col(_ANSWER).null_count()}
    return _with_answer(frame, condition).select(**counts)


def _with_answer(frame: pl.LazyFrame, condition: str) -> pl.LazyFrame:
    """The frame with the condition's answer for each row beside it."""
    return frame.sql(f'SELECT ({condition}) AS "{_ANSWER}", * FROM self')  # noqa: S608 - as above


def _refuse_foreign(condition: str) -> None:
    """Look at the words before anything is parsed: Polars reads a file that a condition selects from while parsing.

    One that is deep enough ends the process that parses it. Values do not make it deep, such as those after IN.
    """
    tokens = cast("list[str]", _TOKEN.findall(condition)) if len(condition) <= LONGEST else []
    parts = sum(not (token in {",", "(", ")"} or token[0] in DIGITS_AND_QUOTES) for token in tokens)
    if len(condition) > LONGEST or parts > MOST_PARTS:
        shown = f"{condition[:SHOWN]}…"
        raise ConditionUnusable(shown, f"is longer than {LONGEST:,} characters or {MOST_PARTS:,} words and signs")
    depth = 0
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0 or token in {"--", "/*", ";", "'", '"'}:
            raise ConditionUnusable(condition, "is not SQL")
        word = token.lower()
        if word in FOREIGN:
            raise ConditionUnusable(condition, f"uses {token.upper()} and so {NO_ROWS_ALONE}")
        called = after == "(" and (_WORD.fullmatch(token) or token.startswith('"'))
        if called and word not in CALLED:
            raise ConditionUnusable(condition, f"calls {token}, which is not known to decide row by row")
    if depth:
        raise ConditionUnusable(condition, "is not SQL")
