"""How the console can be reached and asked: by any method, at any address, by clients that hang, on a lake that fails.

The next way to ask is a line in one of the tables.
"""

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backfill_assets.testing import TestLake
from backfill_assets.web import following, requests
from tests.e2e.server import wait_until
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds import tables_in_a_row
from tests.web.conftest import Told
from tests.web.served import Served, served

PLACES = (
    "/",
    "/console.js",
    "/corrections/{id}/",
    "/corrections/{id}/events",
    "/corrections/{id}/decide/approve",
    "/notes.txt",
    "/nothing",
)
FILES = {
    "notes.txt": "text/plain; charset=utf-8",
    "page.html": "text/html; charset=utf-8",
    "days.csv": "text/csv; charset=utf-8",
    "state.json": "application/json",
    "drawn.svg": "image/svg+xml",
    "notice.md": "text/markdown; charset=utf-8",
}


@pytest.fixture(scope="module", autouse=True)
def published(shared: Served) -> Path:
    """What readers are shown, and beside it what nobody is."""
    folder = shared.lake.folder / "published"
    for name in FILES:
        (folder / name).write_text("as it is")
    (folder / ".rendered.json").write_text("{}")
    (folder / "corrections/.changes-0123.html").write_text("as it is")
    (shared.lake.folder / "secret.txt").write_text("not published")
    (folder / "linked.txt").symlink_to(shared.lake.folder / "secret.txt")
    return folder


def asked(url: str, request: bytes, seconds: float = 30) -> bytes:
    """What is answered to bytes, as far as the end of the connection."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as one:
        one.sendall(request)
        found = b""
        while part := one.recv(65_536):
            found += part
    return found


def head(method: str, target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *headers, "Connection: close", "", ""]).encode("latin-1")


@pytest.mark.parametrize("place", PLACES)
def test_only_the_head_of_a_page_is_told_where_only_that_is_asked_for(place: str, gate: Told, shared: Served):
    path, host = place.replace("{id}", gate.correction), f"Host: {urlsplit(shared.url).netloc}"
    answered = asked(shared.url, head("HEAD", path, host), 10)
    told, _, body = answered.partition(b"\r\n\r\n")
    assert told.split()[1] == (b"404" if place == "/nothing" else b"200")
    assert body == b""


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "POST", "APPROVE"])
@pytest.mark.parametrize("place", PLACES)
def test_no_other_method_does_anything(method: str, place: str, gate: Told, shared: Served):
    if (method, place) == ("POST", "/corrections/{id}/decide/approve"):
        pytest.skip("this is the way to decide")
    before = shared.written()
    path, host = place.replace("{id}", gate.correction), f"Host: {urlsplit(shared.url).netloc}"
    answered = asked(shared.url, head(method, path, host, "X-HTTP-Method-Override: GET"), 10)
    assert answered.split()[1] in {b"400", b"404", b"405"}
    assert shared.written() == before


ODD: dict[str, bytes] = {
    "no host": head("GET", "/"),
    "two hosts": head("GET", "/", "Host: 127.0.0.1", "Host: elsewhere.example"),
    "a host of half a bracket": head("GET", "/", "Host: [::1"),
    "a host with a person": head("GET", "/", "Host: 127.0.0.1@elsewhere.example"),
    "a host with a path": head("GET", "/", "Host: elsewhere.example/127.0.0.1"),
    "a host of another port's name": head("GET", "/", "Host: localhost.elsewhere.example:80"),
    "the name forwarded": head("GET", "/", "Host: elsewhere.example", "X-Forwarded-Host: 127.0.0.1"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 8 + b"\r\n\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_does_not_ask_for_the_console_is_shown_nothing(odd: str, shared: Served):
    answered = asked(shared.url, ODD[odd])
    assert answered.split()[1] in {b"400", b"421"}
    assert b"orrection" not in answered


ADDRESSES = {
    "/.rendered.json": 404,
    "/corrections/.changes-0123.html": 307,
    "/corrections/.changes-0123.html/": 404,
    "/linked.txt": 404,
    "/%2e%2e/secret.txt": 404,
    "/..%2fsecret.txt": 404,
    "/%5c..%5csecret.txt": 404,
    "/notes.txt%00.html": 404,
    "/" + "x" * 5000: 404,
    "/corrections/%2e%2e/": 404,
    "/corrections/..%2f..%2fsecret.txt/": 404,
    "/corrections/{id}%00/": 404,
    "/corrections/{id}%0d%0aSet-Cookie:a=b/": 404,
    "/corrections/{id}/decide/approve%2f": 404,
    "/corrections/nobody/events": 404,
    "/corrections/{encoded}/": 200,
    "/corrections/{id}/?by=Ada&confirmed=yes": 200,
    "/corrections/{id}": 307,
    "/corrections/": 200,
    "/corrections/index.html": 200,
    "//elsewhere.example/": 404,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_leads_to_what_is_shown_or_nowhere(address: str, gate: Told, shared: Served):
    encoded = "".join(f"%{ord(letter):02x}" for letter in gate.correction)
    answered = shared.browser().get(address.replace("{id}", gate.correction).replace("{encoded}", encoded))
    assert answered.status == ADDRESSES[address]
    assert "not published" not in answered.text
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers.get("location", "/").startswith("/")
    assert "set-cookie" not in answered.headers


@pytest.mark.parametrize("file", FILES)
def test_a_published_file_says_what_it_is_and_does_nothing(file: str, shared: Served):
    answered = shared.browser().get(f"/{file}")
    assert (answered.text, answered.headers["content-type"]) == ("as it is", FILES[file])
    assert "script-src" not in (policy := answered.headers["content-security-policy"])
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy


@contextmanager
def hanging(url: str, request: bytes, count: int) -> Iterator[None]:
    """Clients that send so much and no more, and read nothing."""
    host, port = urlsplit(url).netloc.split(":")
    with ExitStack() as all_of_them:
        for _ in range(count):
            all_of_them.enter_context(socket.create_connection((host, int(port)))).sendall(request)
        yield


def test_clients_that_hang_keep_nobody_waiting(gate: Told, shared: Served, monkeypatch: pytest.MonkeyPatch):
    host = f"Host: {urlsplit(shared.url).netloc}"
    path = f"/corrections/{gate.correction}"
    form = f"Origin: {shared.url}", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 100"
    half, stream = head("POST", f"{path}/decide/approve", host, *form), head("GET", f"{path}/events", host)
    monkeypatch.setattr(requests, "ARRIVES_WITHIN", 0.5)
    with hanging(shared.url, b"GET / HT", 50), hanging(shared.url, half, 50), hanging(shared.url, stream, 50):
        began = time.monotonic()
        assert shared.browser().get("/").status == 200
        assert time.monotonic() - began < 10
        answered = asked(shared.url, half)
    assert answered.split()[1] == b"422"
    assert b"did not arrive within" in answered


def test_a_page_that_is_closed_makes_room_for_another(gate: Told, shared: Served, monkeypatch: pytest.MonkeyPatch):
    path, host = f"/corrections/{gate.correction}/events", f"Host: {urlsplit(shared.url).netloc}"
    monkeypatch.setattr(following, "MOST_FOLLOWING", 1)

    def answers(status: int) -> bool:
        return shared.browser().ask("HEAD", path).status == status

    wait_until(lambda: answers(200), 20, "the end of streams that nobody reads any more")
    with hanging(shared.url, head("GET", path, host), 1):
        wait_until(lambda: answers(503), 20, "the stream of the page")
        assert "as 1 page does already" in shared.browser().get(path).told
    wait_until(lambda: answers(200), 20, "the end of the stream")


def without_ledger(lake: TestLake) -> None:
    for log in (lake.folder / "lake/_control/ledger/_delta_log").iterdir():
        log.write_text("no log")


def without_table(lake: TestLake) -> None:
    shutil.rmtree(lake.folder / "lake/daily_orders/_delta_log")


def half_written(lake: TestLake) -> None:
    for log in (lake.folder / "lake/daily_orders/_delta_log").glob("*.json"):
        log.write_text("{")


def in_the_way(lake: TestLake) -> None:
    shutil.rmtree(lake.folder / "lake")
    (lake.folder / "lake").write_text("no folder")


def test_a_correction_of_a_table_of_another_code_location_is_listed_and_no_more(gate: Told, tmp_path: Path):
    lake = gate.lake.copy(tmp_path / "lake").with_code(tables_in_a_row.location())
    with served(lake) as console:
        assert gate.correction in console.browser().get("/").told
        for place in PLACES[2:5:2]:
            answered = console.browser().get(place.replace("{id}", gate.correction))
            assert answered.status == 422
            assert "daily_orders" in answered.told


def without_published(lake: TestLake) -> None:
    shutil.rmtree(lake.folder / "published")


TROUBLE: dict[str, tuple[Callable[[TestLake], None], set[int]]] = {
    "the ledger cannot be read": (without_ledger, {409, 503}),
    "the table is gone": (without_table, {200, 409, 503}),
    "the table is half written": (half_written, {409, 503}),
    "the lake is a file": (in_the_way, {404, 409, 503}),
    "nothing is published yet": (without_published, {200}),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_on_a_lake_in_trouble_there_is_a_sentence(trouble: str, gate: Told, tmp_path: Path):
    lake, (spoil, expected) = gate.lake.copy(tmp_path / "lake"), TROUBLE[trouble]
    with served(lake) as console:
        spoil(lake)
        for place in ("/", *PLACES[2:5]):
            path = place.replace("{id}", gate.correction)
            is_stream = place.endswith("/events")
            answered = console.browser().ask("HEAD" if is_stream else "GET", path)
            assert answered.status in {200, *expected}, (path, answered.told)
            assert answered.headers["x-frame-options"] == "DENY"
            assert "Traceback" not in answered.text
            if answered.status != 200 and not is_stream:
                sentences = answered.told.split("Not done", 2)[-1].rpartition("To the correction")[0]
                assert_in_three_sentences(" ".join(sentences.split()))
