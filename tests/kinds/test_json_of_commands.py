"""Every command answers ``--json`` with one JSON object on standard output and nothing else, a refused one too.

The commands are those of the parser: the next one is a line of ``CALLS``, in the order in which they are called.
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from backfill_assets.command_line import app
from tests.e2e.house import House, new_house
from tests.e2e.shop import open_shop, trade
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.scenarios import drop_parquet

pytestmark = pytest.mark.dagster

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 6)
ID, NEXT = "20260124", "20260124_2"
ADA = ["--by", "Ada Lovelace", "--note", "looked"]
CALLS: dict[str, tuple[list[str], int]] = {
    "nightly": ([], 2),
    "reconcile": ([], 5),
    "audit": (["--days", "1"], 0),
    "months": (["--close", "2025-12", "--by", "Ada Lovelace"], 0),
    "withdrawals": ([], 0),
    "watermarks register": (["billing"], 0),
    "watermarks advance": (["billing", str(LAST)], 0),
    "watermarks used": (["model", "--commit", "1"], 0),
    "watermarks list": ([], 0),
    "request-schema": ([], 0),
    "preview": (["REQUEST"], 0),
    "plan": (["REQUEST"], 0),
    "open": (["REQUEST"], 0),
    "pace": ([ID, "--at-once", "4", *ADA], 0),
    "run": ([ID], 3),
    "approve": ([ID, *ADA], 0),
    "cut-over": ([ID], 0),
    "watermarks waive": ([ID, "billing", *ADA], 0),
    "status": ([], 0),
    "diff": ([ID, "--rows"], 0),
    "history": ([ID], 0),
    "exposure": ([ID], 0),
    "attest": ([ID], 0),
    "notices": ([ID], 0),
    "roll-back": ([ID, "--all", *ADA], 0),
    "abandon": ([ID, *ADA], 0),
    "decommission": ([ID, "--now", *ADA[:2]], 0),
    "pages": ([], 0),
    "maintain": ([], 0),
    "as-reported": (["fct_daily_revenue", "--at", "2026-01-24"], 0),
    "adopt": (["fct_daily_revenue", "--check"], 0),
    "storage-cost": (["--page"], 0),
    "retention": (["--page"], 0),
    "scrub": ([], 0),
    "restore": (["raw_transactions"], 0),
    "purge-landing": ([], 0),
    "repair": ([], 0),
    "consume": (["intraday_revenue"], 0),
    "consumers": ([], 0),
    "feed": (["raw_transactions"], 2),
    "replay": (["intraday_revenue", "--to", "commit 1", *ADA[:2]], 0),
    "erase": (["--customer", "nobody-4711", "--reason", "letter", "--by", "Ada Lovelace"], 0),
    "expire-personal-data": (["--before", "2026-01-06", "--by", "Ada Lovelace"], 0),
    "serve": ([], 0),
}
REFUSED: dict[str, list[str]] = {
    "nightly": ["--through", "2025-11-31"],
    "reconcile": ["--through", "yesterday"],
    "audit": ["--table", "nowhere"],
    "months": ["--close", "2026-13", "--by", "Ada Lovelace"],
    "withdrawals": ["--accept", "2026-01-05", "--by", "Ada Lovelace"],
    "watermarks register": [""],
    "watermarks advance": ["billing", "tomorrow"],
    "watermarks used": ["model", "--commit", "900"],
    "watermarks list": ["--table", "nowhere"],
    "request-schema": ["too", "much"],
    "preview": ["nowhere.yaml"],
    "plan": ["nowhere.yaml"],
    "open": ["nowhere.yaml"],
    "watermarks waive": ["20991231", "billing", *ADA],
    "pages": ["too", "much"],
    "maintain": ["--retention-days", "-1"],
    "as-reported": ["fct_daily_revenue", "--at", "yesterday"],
    "adopt": ["nowhere", "--check"],
    "storage-cost": ["--prices", "nowhere.toml"],
    "retention": ["too", "much"],
    "scrub": ["--part", "3"],
    "restore": ["nowhere"],
    "purge-landing": ["too", "much"],
    "repair": ["nowhere"],
    "consume": ["nowhere"],
    "consumers": ["too", "much"],
    "feed": ["nowhere"],
    "replay": ["nowhere", "--to", "commit 1"],
    "erase": ["--customer", "nobody-4711"],
    "expire-personal-data": ["--before", "yesterday"],
    "serve": ["--host", "0.0.0.0"],
    **{
        name: ["20991231", *more]
        for name, more in {
            **dict.fromkeys(("run", "cut-over", "status", "diff", "history", "exposure", "attest", "notices"), ()),
            **dict.fromkeys(("approve", "abandon"), ADA),
            "roll-back": (*ADA, "--all"),
            "decommission": ("--now", *ADA[:2]),
            "pace": ("--pause", *ADA),
        }.items()
    },
}


def commands(group: Any, before: str = "") -> Iterator[str]:
    """Every command below one, by the words that call it."""
    for name, command in group.commands.items():
        called = f"{before} {name}".strip()
        yield from commands(command, called) if hasattr(command, "commands") else [called]


COMMANDS = sorted(commands(typer.main.get_command(app)))


def test_every_command_of_the_parser_is_called() -> None:
    assert sorted(CALLS) == sorted(REFUSED) == COMMANDS


def called(house: House, name: str, arguments: list[str]) -> tuple[int, str]:
    """The exit code, and everything that was on standard output."""
    with house.entered():
        ended = CliRunner().invoke(app, [*name.split(), *arguments, "--json"])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stdout


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """What every command answers that is called in its turn, from a published table on."""
    import uvicorn

    house = open_shop(tmp_path_factory.mktemp("json") / "house", [FIRST, LAST], "2026-01-24T06:00:00+00:00")
    drop_parquet(house.landing, FIRST, trade(FIRST, "13.0000"))
    request = str(house.request(FIRST, LAST))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "run", lambda *_, **__: None)  # it would serve until somebody stops it
        return {
            name: called(house, name, [request if one == "REQUEST" else one for one in arguments])
            for name, (arguments, _) in CALLS.items()
        }


@pytest.mark.parametrize("name", COMMANDS)
def test_an_answer_is_one_object_and_nothing_else(name: str, answers: dict[str, tuple[int, str]]) -> None:
    code, printed = answers[name]

    assert isinstance(json.loads(printed), dict)
    assert code == CALLS[name][1], printed


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which nothing was ever published."""
    return new_house(tmp_path_factory.mktemp("empty") / "house")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("arguments", [None, ["--no-such-option"]], ids=["refused", "misused"])
def test_a_refusal_is_one_object_of_three_sentences(name: str, arguments: list[str] | None, empty: House) -> None:
    code, printed = called(empty, name, REFUSED[name] if arguments is None else arguments)

    told = json.loads(printed)
    assert told.keys() == {"error", "message"}
    assert_in_three_sentences(told["message"])
    assert code != 0
