"""Files that upstream is still writing: cut at every byte of the last line, no number that was not in the original."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill_assets.revenue.errors import UnusableFixings, UnusableLedger
from backfill_assets.revenue.landing import LEDGER, read_ledger
from backfill_assets.sources import BadLanding
from backfill_assets.sources.formats import parse_csv, parse_ndjson
from tests.e2e.house import House
from tests.e2e.shop import FIXINGS, open_shop, trade
from tests.revenue.shorthands import read_day, read_fixings
from tests.scenarios import FRIDAY, csv_line, drop_csv, drop_ndjson, drop_parquet, transaction

LAST = {"transaction_id": "t2", "amount": "1234.5000"}
JSON = (
    f'{{"transaction_id": "%s", "occurred_at": "{FRIDAY}T12:00:00Z", "customer_id": "c1", "country": "Germany", '
    '"currency": "EUR", "amount": %s}'
)
REORDERED = "amount,transaction_id,occurred_at,country,currency,customer_id"


def _reordered(root: Path) -> Path:
    lines = (
        f"{amount},{name},{FRIDAY}T12:00:00Z,Germany,EUR,c{name}" for name, amount in (("t1", 100), ("t2", 1234.5))
    )
    return drop_csv(root, FRIDAY, lines, REORDERED)


def _windows(root: Path) -> Path:
    file = drop_csv(root, FRIDAY, [csv_line("t1"), csv_line(**LAST)])
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    return file


LANDINGS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda root: drop_csv(root, FRIDAY, [csv_line("t1"), csv_line(**LAST)]),
    "csv, the last column may be empty": _reordered,
    "csv with the line ends of Windows": _windows,
    "csv, quoted over two lines": lambda root: drop_csv(
        root, FRIDAY, [csv_line("t1"), csv_line(**LAST, country='"Ger\nmany, ""West"""')]
    ),
    "csv, one transaction": lambda root: drop_csv(root, FRIDAY, [csv_line(**LAST)]),
    "ndjson": lambda root: drop_ndjson(root, FRIDAY, [JSON % ("t1", "100"), JSON % ("t2", "1234.5000")]),
    "ndjson, amount as text": lambda root: drop_ndjson(
        root, FRIDAY, [JSON % ("t1", '"100"'), JSON % ("t2", '"1234.5000"')]
    ),
    "ndjson, no customers": lambda root: drop_ndjson(
        root, FRIDAY, [(JSON % (name, "1234.5")).replace('"customer_id": "c1", ', "") for name in ("t1", "t2")]
    ),
    "parquet": lambda root: drop_parquet(root, FRIDAY, [transaction("t1"), transaction(**LAST)]),
}


def rows_read(root: Path) -> list[tuple[object, ...]] | None:
    """The transactions of the day, or None where the day is refused by name."""
    try:
        return read_day(root, FRIDAY).frame.rows()
    except BadLanding:
        return None


@pytest.mark.parametrize("land", LANDINGS.values(), ids=LANDINGS)
def test_a_landed_file_cut_at_any_byte_of_its_last_line_gives_no_other_transaction(
    tmp_path: Path, land: Callable[[Path], Path]
):
    """Between two lines a cut leaves no trace: whole transactions are missing then, none is another."""
    file = land(tmp_path)
    whole, content = rows_read(tmp_path), file.read_bytes()
    assert whole
    text = file.suffix != ".parquet"
    start = content.rstrip(b"\r\n").rfind(b"\n") + 1 if text else 0
    for at in range(start, len(content)):
        file.write_bytes(content[:at])
        read = rows_read(tmp_path)
        if read is None:
            continue
        assert text
        assert content[:at].endswith(b"\n") or not at
        assert read == whole[: len(read)]


HISTORY = b"Date,USD,GBP,\n2026-01-09,1.1642,0.8668,\n2026-01-08,1.1656,0.8672,\n"
WITHOUT_LAST_COMMA = HISTORY.replace(b",\n", b"\n")


@pytest.mark.parametrize("content", [HISTORY, WITHOUT_LAST_COMMA], ids=["as published", "without the last comma"])
def test_fixings_cut_at_any_byte_give_no_other_rate(content: bytes):
    whole = set(read_fixings(content, "fx/hist.csv").rows())
    for at in range(len(content)):
        try:
            read = set(read_fixings(content[:at], "fx/hist.csv").rows())
        except UnusableFixings:
            continue
        assert content[:at].endswith(b"\n")
        assert read < whole


BOOKED = "2026-01-08,EUR,2,110.0000\n2026-01-09,EUR,12,1234.5000\n2026-01-09,GBP,1,12.5000\n"


def test_a_ledger_cut_at_any_byte_gives_no_other_figure_and_names_the_day(tmp_path: Path):
    file = tmp_path / "ledger/2026.csv"
    file.parent.mkdir()
    content = f"{','.join(LEDGER)}\n{BOOKED}".encode()
    file.write_bytes(content)
    whole = set(read_ledger(tmp_path).frame.rows())
    assert len(whole) == 3
    for at in range(len(content)):
        file.write_bytes(content[:at])
        try:
            ledger = read_ledger(tmp_path)
        except UnusableLedger:
            assert b"\n" not in content[:at]
            continue
        assert set(ledger.frame.rows()) <= whole
        if not content[:at].endswith(b"\n"):
            assert [line.number for line in ledger.bad_lines] == [content[:at].count(b"\n") + 1]
            assert ledger.incomplete_days or len(ledger.frame) == 0


AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=4)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, AMOUNTS), min_size=1, max_size=4), st.data())
def test_any_text_cut_anywhere_keeps_only_whole_records(rows: list[tuple[str, Decimal]], data: st.DataObject):
    quoted = [(word.replace('"', '""'), f"{amount:f}") for word, amount in rows]
    csv = "".join(f'"{word}",{amount}\n' for word, amount in quoted)
    ndjson = "".join(f'{{"word": {_json(word)}, "amount": {amount:f}}}\n' for word, amount in rows)
    cut = data.draw(st.integers(0, 10_000))
    for parse, content in ((parse_csv, b"word,amount\n" + csv.encode()), (parse_ndjson, ndjson.encode())):
        whole, parsed = parse(content, {"amount"}), parse(content[: cut % len(content)], {"amount"})
        assert whole.frame is not None
        assert not whole.damaged
        assert whole.frame.rows() == [(word, f"{amount:f}") for word, amount in rows]
        if parsed.frame is not None and not parsed.damaged:
            assert parsed.frame.rows() == whole.frame.rows()[: parsed.frame.height]


def _json(word: str) -> str:
    import json

    return json.dumps(word)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_shop(tmp_path_factory.mktemp("cut") / "house", [date(2026, 1, 8)], "2026-01-11T06:00:00+00:00")


@pytest.mark.dagster
def test_nightly_names_a_file_that_is_still_being_written_and_publishes_the_others(shop: House, tmp_path: Path):
    house = shop.copy(tmp_path / "house")
    file = drop_csv(house.landing, FRIDAY, [csv_line("t1"), csv_line(**LAST)])
    file.write_bytes(file.read_bytes()[: -len("34.5000\n")])
    drop_parquet(house.landing, date(2026, 1, 10), trade(date(2026, 1, 10)))

    answered = house.run("nightly", "--through", "2026-01-10")

    assert (answered.code, answered.told["error"]) == (2, "UnreadableFile"), answered.text
    assert answered.reasons.keys() == {str(FRIDAY)}
    assert "line 3, which has no end" in answered.reasons[str(FRIDAY)]
    assert house.live().days == {date(2026, 1, 8), date(2026, 1, 10)}


@pytest.mark.dagster
def test_nightly_publishes_nothing_on_fixings_that_are_still_being_written(shop: House, tmp_path: Path):
    house = shop.copy(tmp_path / "house")
    drop_parquet(house.landing, FRIDAY, trade(FRIDAY))
    (house.landing / "fx/eurofxref-hist.csv").write_text("Date,USD,GBP,\n2026-01-19,1.1642,0.8668,\n" + FIXINGS[14:-4])

    answered = house.run("nightly", "--through", str(FRIDAY))

    assert (answered.code, answered.told["error"]) == (2, "UnusableFixings"), answered.text
    assert "which has no end" in answered.told["message"]
    assert house.live().days == {date(2026, 1, 8)}
