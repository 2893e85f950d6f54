"""Secrets are references to the environment: what is written down or shown of a resource holds none."""

import logging
import sqlite3
import traceback
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, DeltaSource, LakeResource, ParquetSource, QuerySource
from backfill_assets.core.partition_column import BY_DAY
from backfill_assets.errors.base import fault_told
from backfill_assets.errors.outside import QueryFailed
from backfill_assets.errors.setup import SecretGiven
from backfill_assets.orchestration.instance.channels import KINDS
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.storage.outside_query import OutsideQuery
from backfill_assets.testing import TestLake, place
from tests.kinds.stranger import NOW, days, location, orders
from tests.kinds.test_outside import location as outside_definition
from tests.web.served import served

VALUE = "hunter2"
SECRET_OPTIONS = [
    "AWS_SECRET_ACCESS_KEY",
    "aws_session_token",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "azure_storage_sas_key",
    "GOOGLE_APPLICATION_CREDENTIALS_JSON",
    "password",
]


@pytest.mark.parametrize("option", SECRET_OPTIONS)
def test_a_secret_option_of_the_lake_is_a_reference_or_refused(monkeypatch: pytest.MonkeyPatch, option: str):
    literal = LakeResource(root="s3://bucket/lake", storage_options={option: VALUE})
    assert VALUE not in repr(literal)
    with pytest.raises(SecretGiven, match=option):
        literal.get_resource_definition()

    monkeypatch.setenv("OF_THE_LAKE", VALUE)
    reference = LakeResource(root="s3://bucket/lake", storage_options={option: dg.EnvVar("OF_THE_LAKE")})
    assert VALUE not in repr(reference.get_resource_definition().config_schema.default_value)
    assert reference.lake().storage_options == {option: VALUE}


def test_options_that_are_no_secrets_may_stand_there():
    options = {"AWS_ENDPOINT_URL": "http://x", "AWS_ACCESS_KEY_ID": "key", "AWS_REGION": "r", "conditional_put": "etag"}
    assert LakeResource(root="s3://bucket/lake", storage_options=options).get_resource_definition()


def test_a_run_reads_the_reference_and_keeps_none_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OF_THE_LAKE", VALUE)
    lake = LakeResource(root="s3://b/l", storage_options={"AWS_SECRET_ACCESS_KEY": dg.EnvVar("OF_THE_LAKE")})
    read: list[dict] = []

    @dg.asset(required_resource_keys={"lake"})
    def reads(context: dg.AssetExecutionContext) -> None:
        read.append(dict(context.resources.lake.lake().storage_options))

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
        ran = dg.materialize([reads], resources=resources, instance=instance)
        assert VALUE not in repr(instance.get_run_by_id(ran.run_id))

    assert read == [{"AWS_SECRET_ACCESS_KEY": VALUE}]


@pytest.mark.parametrize(
    "given",
    [
        {"root": f"s3://ada:{VALUE}@bucket/lake"},
        {"root": "s3://bucket/lake", "storage_options": {"AWS_ENDPOINT_URL": f"https://ada:{VALUE}@store.example.org"}},
    ],
    ids=["in the root", "in an endpoint"],
)
def test_a_password_in_an_address_of_the_lake_is_refused_and_not_told(given: dict):
    with pytest.raises(SecretGiven) as refused:
        LakeResource(**given).get_resource_definition()
    assert VALUE not in str(refused.value)


def test_a_lake_at_an_address_with_a_password_is_refused_from_the_environment_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKFILL_LAKE", f"s3://ada:{VALUE}@bucket/lake")
    with pytest.raises(SecretGiven) as refused:
        LakeResource().lake()
    assert VALUE not in str(refused.value)


SOURCES = {
    "an option": DeltaSource("s3://b/t", day="day", storage_options={"AWS_SECRET_ACCESS_KEY": VALUE}),
    "an endpoint": ParquetSource("s3://b/*", day="day", storage_options={"AWS_ENDPOINT": f"https://a:{VALUE}@x"}),
    "an address": DeltaSource(f"s3://ada:{VALUE}@b/t", day="day"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source_outside_takes_no_secret_as_text(case: str):
    with pytest.raises(SecretGiven, match="The source orders of revenue") as refused:
        outside_definition(SOURCES[case])
    assert VALUE not in str(refused.value)


SAYING: dict[str, str] = {
    "an address": f"no answer of postgresql://ada:{VALUE}@db.example.org/orders",
    "an address with an @ in the password": f"no answer of postgresql://ada:x@{VALUE}@db.example.org/orders",
    "an assignment": f"invalid connection string, host=db password={VALUE} user=ada",
    "a signed address": f"403 of https://store.example.org/x?X-Amz-Signature={VALUE}&a=b",
    "a token": f"401 of https://example.org/hook?access_token={VALUE}",
}


@pytest.mark.parametrize("case", SAYING)
def test_what_a_database_says_of_how_it_is_reached_is_not_repeated(case: str):
    said = SAYING[case]

    def connect() -> None:
        raise OSError(said)

    with pytest.raises(QueryFailed) as refused:
        OutsideQuery("orders", "select 1", BY_DAY, connect).rows()
    told = "".join(traceback.format_exception(refused.value))
    assert VALUE not in told
    assert "OSError" in told
    assert VALUE not in fault_told(OSError(said))


@pytest.mark.dagster
def test_what_a_database_says_does_not_reach_dagsters_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def connect() -> None:
        raise OSError(SAYING["an address"])

    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "lake"))
    defs, _ = outside_definition(QuerySource("select 1", "order_date", connect))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        ran = Runner(defs, instance).run_keys([dg.AssetKey("revenue")], "2026-01-05", "2026-01-05", MARKED)
        assert not ran.success
    found = [*written_below(tmp_path)]
    assert any(b"QueryFailed" in content for _, content in found)
    assert {where for where, content in found if VALUE.encode() in content} == set()


def test_the_kinds_of_channel_are_those_of_apprise():
    from apprise.manager_plugins import NotificationManager

    assert set(NotificationManager().schemas()) == KINDS


def secret(number: int) -> str:
    return f"s3cret{number:02}hunter"


PLANTED = {
    "BACKFILL_TOKEN_KEY": secret(1) + " and more",
    "AWS_SECRET_ACCESS_KEY": secret(2),
    "AWS_SESSION_TOKEN": secret(3),
    "BACKFILL_NOTIFY_SALES": " ".join(
        (
            f"mailto://ada:{secret(4)}@127.0.0.1:9/?from=ada@example.org&to=ops@example.org&mode=insecure",
            f"json://ada:{secret(5)}@127.0.0.1:9/{secret(6)}?token={secret(7)}",
            f"slack://{secret(8)}/{secret(8)}/{secret(8)}",
            f"{secret(9)}://example.org",
        )
    ),
    "BACKFILL_NOTIFY_FINANCE": f"mailto:ada:{secret(10)}@example.org",
}
SHOWN = "Counted-twice-by-a-faulty-join."


def written_below(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Everything in the files below some folders, what is packed in them unpacked."""
    for file in (file for root in roots for file in root.rglob("*") if file.is_file()):
        content = file.read_bytes()
        yield str(file), content
        if file.suffix == ".parquet":
            yield f"{file}, its rows", str(pl.read_parquet(file).to_dicts()).encode()
        if content.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(file)) as opened:
                yield f"{file}, its rows", b"\n".join(_rows_of(opened))


def _rows_of(opened: sqlite3.Connection) -> Iterator[bytes]:
    for (table,) in opened.execute("select name from sqlite_master where type = 'table'").fetchall():
        for row in opened.execute(f'select * from "{table}"'):
            for value in row:
                yield _unpacked(value) if isinstance(value, bytes) else str(value).encode()


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


def test_nothing_that_a_correction_leaves_or_says_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(place, "NOTICES", "\0")  # which a lake of a test leaves out of its environment otherwise
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    lake = TestLake(tmp_path / "lake", location(), now=NOW)
    lake.write("orders_log", orders(days(6)))
    first, last = (str(day) for day in (days(6)[0], days(6)[-1]))
    lake.publish(first, last)
    lake.plant(first, last, lambda rows: rows.with_columns(pl.col("revenue") * 2))
    correction = lake.correct(first, last, reason=SHOWN, watchers=["sales", "finance"])
    correction.to_gate()
    correction.through()
    correction.roll_back(note="Back again.")
    with served(lake) as console:
        pages = ["/", f"/corrections/{correction.id}", "/nowhere", f"/corrections/{correction.id}/decide/approve"]
        told += [console.browser().get(page).text for page in pages]
    told += [repr(lake), repr(lake.lake.lake()), repr(lake.records), repr(correction.notices), *capfd.readouterr()]
    with lake.entered():
        told.append(repr(lake.records.outbox.deliveries()))
    told.append(caplog.text)

    found = [*written_below(tmp_path), *((f"told {n}", text.encode()) for n, text in enumerate(told))]

    assert {where for where, content in found if b"s3cret" in content} == set()
    shown = " ".join(where for where, content in found if SHOWN.encode() in content)
    assert all(where in shown for where in ("_control/ledger", "published", ".db, its rows", "told 1"))
    assert "of no known kind" in told[-2]
    assert "2 json" in told[-2]
