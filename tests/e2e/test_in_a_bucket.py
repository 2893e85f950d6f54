"""A whole correction by command line on a lake in a bucket, of which the environment alone says how it is reached."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets.command_line import app
from backfill_assets.watch import audit
from tests.kinds import stranger
from tests.kinds.stranger import FIRST, TABLE, Stranger, days, location, orders, stranger_at
from tests.stores import ENVIRONMENT, InBucket, environment
from tests.test_documents import ROOT

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(600)]

SECRET = ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]
DAYS = days(4)
ID = "20260120"
ADA = ["--by", "Ada Lovelace", "--note", "looked"]
CHECKED = ["--day", "day", "--key", "day", "--key", "market", "--measure", "revenue"]
# In their order, with how each ends.
STORY: list[tuple[list[str], int]] = [
    (["audit", "--days", "20"], 5),
    (["preview", "REQUEST"], 0),
    (["plan", "REQUEST"], 0),
    (["open", "REQUEST"], 0),
    (["run", ID], 3),
    (["diff", ID, "--rows"], 0),
    (["approve", ID, *ADA], 0),
    (["run", ID], 0),
    (["status"], 0),
    (["status", ID], 0),
    (["history", ID], 0),
    (["exposure", ID], 0),
    (["notices", ID], 0),
    (["as-reported", TABLE, "--at", "2026-01-20"], 0),
    (["watermarks", "list"], 0),
    (["maintain"], 0),
    (["roll-back", ID, "--day", str(DAYS[0]), *ADA], 0),
    (["run", ID], 0),
    (["decommission", ID, "--now", *ADA[:2]], 0),
    (["roll-back", ID, "--all", *ADA], 4),
    (["maintain", "--retention-days", "0"], 0),
    (["pages"], 0),
    (["adopt", TABLE, "--check", *CHECKED], 0),
    (["adopt", "foreign", "--rewrite", *CHECKED], 0),
    (["adopt", "foreign", "--undo"], 0),
    (["audit", "--days", "20"], 5),
]


@pytest.fixture
def shop(tmp_path: Path, bucket: InBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    """Four days of orders that were counted twice, by code that is right again; and a table of another writer's."""
    with stranger_at(tmp_path, location(watch=[audit()]), str(bucket)) as shop:
        shop.land(orders(DAYS), DAYS)
        monkeypatch.setattr(stranger, "FACTOR", [2])
        shop.publish(DAYS)
        monkeypatch.setattr(stranger, "FACTOR", [1])
        foreign = shop.live.scan().collect()
        foreign.write_delta(f"{bucket}/foreign")
        yield shop


def revenues(shop: Stranger) -> dict[date, int]:
    return dict(shop.live.scan().group_by("day").agg(pl.col("revenue").sum()).collect().iter_rows())


def test_the_document_names_what_a_bucket_needs_and_the_story_has_nothing_else() -> None:
    document = (ROOT / "docs/configuration.md").read_text()
    (shown,) = re.findall(r"```sh\n(export BACKFILL_LAKE=s3://.*?)```", document, re.DOTALL)

    assert set(re.findall(r"export (\w+)=", shown)) == {"BACKFILL_LAKE", *environment("")}
    assert all(name in (ROOT / "README.md").read_text() for name in environment(""))


def test_a_correction_by_command_line_from_the_first_look_to_the_last_file(shop: Stranger, bucket: InBucket) -> None:
    request = str(shop.house.request(DAYS[0], DAYS[-1], table=TABLE))
    printed: list[str] = []
    for number, (words, code) in enumerate(STORY):
        command = [request if word == "REQUEST" else word for word in words]
        as_json = ["--json"] if number % 2 else []
        ended = CliRunner().invoke(app, [*command, *as_json])
        print(f"$ {' '.join(command)}\n{ended.output}")  # noqa: T201 - shown where it fails
        assert ended.exit_code == code, (words, ended.output, ended.exception)
        if as_json:
            assert isinstance(json.loads(ended.stdout), dict)
        printed.append(ended.output)

    assert revenues(shop) == {day: 400 if day == FIRST else 200 for day in DAYS}
    assert_nowhere(SECRET, printed, shop.house.root, shop.house.home)
    assert not [path for path in bucket.rglob("*") if SECRET.encode() in path.read_bytes()]


def assert_nowhere(secret: str, printed: list[str], *folders: Path) -> None:
    assert not [text for text in printed if secret in text]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]
