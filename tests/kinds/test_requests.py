"""Parsers that silently choose or convert: what a person signs is read as it stands there, or refused by its line."""

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.request import RequestFaulty, RequestUnreadable
from backfill_assets.orchestration.correction.opening import (
    EstimateConfig,
    ExpectConfig,
    OpenConfig,
    WavesConfig,
    opening_key,
)
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook.request import read_request, read_request_file, request_of, request_schema, request_text
from backfill_assets.runbook.request_model import EstimateFields, ExpectFields, RequestFields, WaveFields
from tests.e2e.house import House
from tests.e2e.shop import open_shop
from tests.e2e.test_bad_input import assert_in_three_sentences, assert_refused
from tests.instances import instance_in

FACT = "fct_daily_revenue"
DAYS = Window(date(2026, 1, 5), date(2026, 1, 9))
GOOD = """\
table: fct_daily_revenue
window:
  first: 2026-01-05
  last: 2026-01-07
reason: The FX join used the rate of the previous day.
watchers: [finance]
expect:
  columns: [revenue_usd]
  same_rows: true
  unchanged_where: "currency = 'USD'"
  max_change_per_day: 2%
  max_change_total: 0.50%
approval: automatic
correction: 20260123_2
"""


def with_line(number: int, *lines: str) -> str:
    """The good request with other lines in the place of one."""
    kept = GOOD.splitlines()
    return "\n".join([*kept[: number - 1], *lines, *kept[number:]]) + "\n"


def test_the_good_request_is_read_without_losing_a_digit():
    read = read_request(GOOD)

    assert (read.correction, read.window.first) == ("20260123_2", date(2026, 1, 5))
    assert (read.expectation.max_change_total, read.expectation.same_rows) == (Decimal("0.005"), True)


FAULTS: dict[str, tuple[str, str, int]] = {
    "expect twice": (GOOD + "expect: {same_rows: true}\n", "RequestAmbiguous", 15),
    "a clause twice": (with_line(9, "  same_rows: true", "  same_rows: false"), "RequestAmbiguous", 10),
    "a quoted key again": (GOOD + '"approval": manual\n', "RequestAmbiguous", 15),
    "a day twice": (with_line(3, "  first: 2026-01-05", "  first: 2026-01-06"), "RequestAmbiguous", 4),
    "an anchor": (with_line(6, "watchers: &all [finance]"), "RequestAmbiguous", 6),
    "a tag": (with_line(12, "  max_change_total: !!float 0.5"), "RequestAmbiguous", 12),
    "a second request": (GOOD + "---\n" + GOOD, "RequestAmbiguous", 15),
    "no day of the calendar": (with_line(3, "  first: 2025-13-25"), "RequestFieldInvalid", 3),
    "a day of February": (with_line(3, "  first: 2026-02-30"), "RequestFieldInvalid", 3),
    "a day with a time": (with_line(3, "  first: 2026-01-05T00:00:00"), "RequestFieldInvalid", 3),
    "a day by its week": (with_line(3, "  first: 2026-W02-1"), "RequestFieldInvalid", 3),
    "a day without dashes": (with_line(3, "  first: 20260105"), "RequestFieldInvalid", 3),
    "a day in other digits": (with_line(3, "  first: \uff12026-01-05"), "RequestFieldInvalid", 3),
    "a window that ends first": (with_line(4, "  last: 2026-01-04"), "WindowReversed", 2),
    "no last day": (with_line(4), "RequestFieldMissing", 2),
    "a window that is a text": (
        with_line(2, "window: 2026-01").replace("  first: 2026-01-05\n  last: 2026-01-07\n", ""),
        "RequestFieldInvalid",
        2,
    ),
    "yes for true": (with_line(9, "  same_rows: yes"), "ExpectationUnreadable", 9),
    "off for an approval": (with_line(13, "approval: off"), "RequestFieldInvalid", 13),
    "an unknown clause": (with_line(9, "  same_row: true"), "ClauseUnknown", 9),
    "an unknown field": (with_line(6, "watcher: [finance]"), "RequestFieldsUnknown", 6),
    "a share that means two things": (with_line(11, "  max_change_per_day: 2"), "ShareAmbiguous", 11),
    "a share in other digits": (with_line(11, "  max_change_per_day: ٢%"), "ExpectationUnreadable", 11),
    "a share with an underscore": (with_line(11, "  max_change_per_day: 0.0_2"), "ExpectationUnreadable", 11),
    "a share in sixties": (with_line(11, "  max_change_per_day: 1:30"), "ExpectationUnreadable", 11),
    "a negative share": (with_line(11, "  max_change_per_day: -2%"), "ExpectationUnreadable", 11),
    "an exponent": (with_line(11, "  estimate: {measure: revenue_usd, total: 1e3}"), "ExpectationUnreadable", 11),
    "an estimate of nothing": (with_line(11, "  estimate: {measure: revenue_usd}"), "ExpectationUnreadable", 11),
    "an estimate of no day": (
        with_line(11, "  estimate: {measure: a, days: {2026-1-5: 3}}"),
        "ExpectationUnreadable",
        11,
    ),
    "a clause that is empty": (with_line(11, "  max_change_per_day:"), "RequestFieldEmpty", 11),
    "an expectation that is null": (with_line(6, "waves: ~"), "RequestFieldEmpty", 6),
    "an empty entry of a list": (with_line(6, "watchers: [finance, ]", "waves: {order: }"), "RequestFieldEmpty", 7),
    "no SQL": (with_line(10, "  unchanged_where: currency = = 'USD'"), "ConditionUnusable", 10),
    "a wave of no days": (with_line(6, "waves: {max_days: 0}"), "RequestFieldInvalid", 6),
    "a budget without its unit": (with_line(6, "budget: 40"), "RequestFieldInvalid", 6),
    "a budget of nothing": (with_line(6, "budget: 0 core-hours"), "RequestFieldInvalid", 6),
    "a budget with an exponent": (with_line(6, "budget: 1e3 core-hours"), "RequestFieldInvalid", 6),
    "a wave in octal": (with_line(6, "waves: {max_days: 0o17}"), "RequestFieldInvalid", 6),
    "an id with a slash": (with_line(14, "correction: ../live"), "RequestFieldInvalid", 14),
    "a watcher that is a path": (with_line(6, "watchers: [../finance]"), "RequestFieldInvalid", 6),
    "a reason not filled in": (with_line(5, "reason: It is wrong because …"), "RequestFieldInvalid", 5),
    "half a character": (with_line(5, 'reason: "a \\ud83d b"'), "RequestAmbiguous", 5),
    "broken YAML": (with_line(6, "watchers: [finance"), "RequestUnreadable", 7),
    "a tab": (with_line(3, "\tfirst: 2026-01-05"), "RequestUnreadable", 3),
    "a control character": (with_line(5, "reason: a\x07b"), "RequestUnreadable", 5),
    "a list": ("- table: a\n", "RequestUnreadable", 1),
}


@pytest.mark.parametrize(("text", "error", "line"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_refused_by_its_name_and_line(text: str, error: str, line: int):
    with pytest.raises(BadInput) as refused:
        read_request(text)

    assert type(refused.value).__name__ == error
    assert re.search(rf"\bline {line}\b", str(refused.value))
    assert_in_three_sentences(str(refused.value))


def test_merge_keys_and_what_stands_for_something_else_are_no_plain_request():
    merged = GOOD + "waves: &fast {at_once: 4}\nmore:\n  <<: *fast\n"

    with pytest.raises(RequestFaulty) as refused:
        read_request(merged)

    for named in ("&fast", "<<", "*fast", "more"):
        assert named in str(refused.value)


def test_all_faults_are_told_at_once_each_with_its_line():
    text = (
        with_line(3, "  first: 2025-13-25").replace("same_rows: true", "same_rows: on").replace("2%", "2")
        + "expect: {}\n"
    )

    with pytest.raises(RequestFaulty) as refused:
        read_request(text)

    assert [int(line) for line in re.findall(r"line (\d+), the", str(refused.value))] == [3, 9, 11, 15]
    assert_in_three_sentences(str(refused.value))


def test_several_faults_come_out_alike_whatever_their_order_in_the_file():
    lines = ["table: a", "windw: {}", "reason: b", "approval: soon"]

    found = set()
    for order in (lines, lines[::-1]):
        with pytest.raises(RequestFaulty) as refused:
            read_request("\n".join(order))
        found.add(tuple(sorted(type(fault).__name__ for fault in refused.value.faults)))

    assert found == {("RequestFieldInvalid", "RequestFieldMissing", "RequestFieldsUnknown")}


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
AS_YAML_1_1_READS = st.sampled_from(
    ["yes", "NO", "1_000", "0x1f", "1:30", "2026-01-05", "1e3", "012", ".inf", "~x", "=", "<<"]
)


@given(reason=WORDS | AS_YAML_1_1_READS, table=WORDS | AS_YAML_1_1_READS, share=st.decimals(0, 99, places=6))
def test_what_we_write_is_what_is_read(reason: str, table: str, share: Decimal):
    same = DAYS.first
    text = request_text(
        "# proposed",
        {
            "table": table,
            "window": {"first": same, "last": same},
            "reason": f"wrong {reason}",
            "expect": {"max_change_total": f"{share:f}%", "columns": [table], "same_rows": True},
        },
    )

    read = read_request(text)

    assert (read.table, read.reason, read.expectation.columns) == (table, f"wrong {reason}", (table,))
    assert read.expectation.max_change_total == share / 100
    assert read.window == Window(same, same)


@given(st.text(max_size=200) | st.text(alphabet="ab:{}[]&*!?-#'\"\n |>~%@", max_size=60))
def test_no_text_at_all_brings_out_another_librarys_error(text: str):
    with pytest.raises(BadInput):
        read_request(text)


@given(st.integers(0, len(GOOD)))
def test_a_request_cut_short_is_refused_or_is_about_the_same_days(cut: int):
    try:
        read = read_request(GOOD[:cut])
    except BadInput:
        return

    assert (read.table, read.window) == (FACT, read_request(GOOD).window)
    assert read.expectation.columns in (None, ("revenue_usd",))


def test_json_is_read_by_the_same_reader():
    told = {"table": "t", "window": {"first": "2026-01-05", "last": "2026-01-06"}, "reason": "wrong \U0001f4a9"}

    assert read_request(json.dumps(told)).reason == "wrong \U0001f4a9"
    with pytest.raises(BadInput, match="given twice"):
        read_request(json.dumps(told)[:-1] + ', "table": "u"}')


# ---- the one model: launchpad and schema have the fields of the file


def test_the_launchpad_has_the_fields_of_a_request():
    window = {"first", "last"}
    assert {*OpenConfig.model_fields} - window | {"window", "table"} == {*RequestFields.model_fields}
    for form, fields in ((ExpectConfig, ExpectFields), (EstimateConfig, EstimateFields), (WavesConfig, WaveFields)):
        assert {*form.model_fields} == {*fields.model_fields}


def test_the_schema_knows_every_field_and_takes_what_yaml_editors_read():
    schema = request_schema()
    json.dumps(schema)

    assert {*schema["properties"]} == {*RequestFields.model_fields}
    assert set(schema["required"]) == {"table", "window", "reason"}
    assert "null" not in json.dumps(schema)
    assert {"string", "integer"} == set(schema["properties"]["correction"]["type"])


def test_fields_of_python_are_read_like_a_file():
    fields = yaml.safe_load(with_line(14, "correction: mine").replace("0.50%", "0.5%"))

    assert request_of(fields) == read_request(with_line(14, "correction: mine"))


# ---- the outermost surfaces


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five days. Refusals leave them as they are."""
    return open_shop(tmp_path_factory.mktemp("requests") / "house", DAYS.days, "2026-01-24T06:00:00+00:00")


def _folder(file: Path) -> None:
    file.mkdir()


FILES: dict[str, tuple[Any, str]] = {
    "missing": (lambda _file: None, "RequestUnreadable"),
    "a folder": (_folder, "RequestUnreadable"),
    "empty": (lambda file: file.write_text(""), "RequestUnreadable"),
    "comments alone": (lambda file: file.write_text("# nothing\n"), "RequestUnreadable"),
    "Latin 1": (
        lambda file: file.write_bytes(GOOD.replace("rate of", "Rückgabe").encode("latin-1")),
        "RequestUnreadable",
    ),
    "UTF-16": (lambda file: file.write_bytes(GOOD.encode("utf-16")), "RequestUnreadable"),
    "a byte-order mark and a fault": (
        lambda file: file.write_bytes(b"\xef\xbb\xbf" + with_line(3, "  first: x").encode()),
        "RequestFieldInvalid",
    ),
    "a megabyte": (lambda file: file.write_text(GOOD + "#" * 1_000_000), "RequestUnreadable"),
    "brackets": (lambda file: file.write_text("[" * 20_000), "RequestUnreadable"),
    "expect twice": (lambda file: file.write_text(FAULTS["expect twice"][0]), "RequestAmbiguous"),
    "no day of the calendar": (
        lambda file: file.write_text(FAULTS["no day of the calendar"][0]),
        "RequestFieldInvalid",
    ),
    "broken YAML": (lambda file: file.write_text(FAULTS["broken YAML"][0]), "RequestUnreadable"),
    "three faults": (lambda file: file.write_text("table: a\nwindw: {}\napproval: soon\n"), "RequestFaulty"),
}


ENCODINGS = {"utf-16": "UTF-16", "utf-16-be": "not UTF-8", "latin-1": "line 1 is not UTF-8"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_in_another_encoding_is_told_which(tmp_path: Path, encoding: str):
    (file := tmp_path / "request.yaml").write_bytes("reason: Rückgabe\n".encode(encoding))
    with pytest.raises(RequestUnreadable, match=ENCODINGS[encoding]):
        read_request_file(file)


@pytest.mark.dagster
@pytest.mark.parametrize("command", ["open", "plan"])
@pytest.mark.parametrize(("write", "error"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read_as_a_request_opens_nothing(
    published: House, tmp_path: Path, command: str, write: Any, error: str
):
    file, before = tmp_path / "request.yaml", published.commits()
    write(file)

    assert_refused(published.run(command, str(file)), error)

    assert published.commits() == before


@pytest.mark.dagster
def test_a_file_with_a_byte_order_mark_is_read(published: House, tmp_path: Path):
    file = tmp_path / "request.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("USD'", "EUR'").replace("\n", "\r\n").encode())

    planned = published.run("plan", str(file))

    assert (planned.code, planned.told["correction"]) == (0, "20260123_2"), planned.text


@pytest.mark.dagster
def test_the_schema_is_a_command(published: House):
    assert published.run("request-schema").told == request_schema()


def opened(house: House, config: dict[str, Any] | None) -> RunResult:
    """Open from the launchpad."""
    told = {"ops": {f"{FACT}__correction__open_correction": {"config": config}}} if config is not None else {}
    with house.entered(), instance_in(house.home) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        return Runner(defs, instance).execute(job, {}, assets=[opening_key(FACT)], config=told)


WHOLE = {"first": "2026-01-05", "last": "2026-01-06", "reason": "wrong rates"}
LAUNCHES: list[tuple[dict[str, Any] | None, str]] = [
    (None, "lacks window.first, window.last"),
    ({**WHOLE, "first": ""}, "lacks window.first"),
    ({**WHOLE, "first": "2025-11-31"}, "2025-11-31"),
    ({**WHOLE, "last": "20260106"}, "20260106"),
    ({**WHOLE, "reason": " "}, "reason"),
    ({**WHOLE, "expect": {"max_change_total": "5"}}, "5 % or 5 times"),
    ({**WHOLE, "expect": {"estimate": {"measure": "revenue_usd", "total": "1e3"}}}, "1e3"),
    ({**WHOLE, "expect": {"estimate": {"measure": "revenue_usd", "days": {"soon": "1"}}}}, "soon"),
    ({**WHOLE, "correction": "a b"}, "a b"),
    ({**WHOLE, "waves": {"max_days": 0}}, "max_days is '0'"),
    ({**WHOLE, "budget": "40"}, "budget is '40'"),
]
OF_THE_FORM: list[tuple[dict[str, Any], str]] = [
    ({**WHOLE, "approval": "soon"}, "approval.* got soon"),
    ({**WHOLE, "waves": {"max_days": 0, "order": "random"}}, "order.* got random"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(("config", "named"), LAUNCHES)
def test_a_launchpad_filled_in_wrongly_opens_nothing(published: House, config: dict[str, Any] | None, named: str):
    before = published.records.ledger.histories()

    ran = opened(published, config)

    assert ran.refusal is not None, ran.errors
    assert named in str(ran.refusal)
    assert ran.refusal.exit_code == 2
    assert_in_three_sentences(str(ran.refusal))
    assert published.records.ledger.histories() == before


@pytest.mark.dagster
@pytest.mark.parametrize(("config", "named"), OF_THE_FORM)
def test_what_the_form_itself_knows_is_refused_before_any_run(published: House, config: dict[str, Any], named: str):
    before = published.records.ledger.histories()

    with pytest.raises(dg.DagsterInvalidConfigError, match=named):
        opened(published, config)

    assert published.records.ledger.histories() == before
