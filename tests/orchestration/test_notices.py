"""Notices on real channels: an SMTP server and an HTTP receiver, through outage, crash and retry."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from backfill_assets.core.notice import Notice
from backfill_assets.core.steps import NoticeKind
from backfill_assets.orchestration.instance.delivery import MESSAGE_ID, Post, channels_of
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.sockets import free_port

NOW = datetime(2026, 1, 23, 9, tzinfo=UTC)
NOTICE = Notice("20260123", "published", "exec-ops", "Revenue is corrected", "# Revenue\n\nThe body, for all.\n")
PASSWORD = "s3cretpass"


def post(tmp_path: Path) -> Post:
    return Post(Records(Lake(str(tmp_path / "lake"))), tmp_path / "notices", NOW)


def delivering(tmp_path: Path) -> subprocess.Popen:
    """A process of its own that publishes the notice and delivers it."""
    code = (
        "import sys; from pathlib import Path; from tests.orchestration.test_notices import NOTICE, post;"
        "here = post(Path(sys.argv[1])); here.publish(NOTICE); here.deliver()"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2])


class Inbox:
    """What a mail server took; ``on_receipt`` says what it answers."""

    def __init__(self, on_receipt=lambda: "250 OK") -> None:
        self.messages = []
        self.on_receipt = on_receipt

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append(message_from_bytes(envelope.content))
        return self.on_receipt()


@contextmanager
def mail_server(port: int, on_receipt=lambda: "250 OK") -> Iterator[Inbox]:
    inbox = Inbox(on_receipt)
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


@contextmanager
def receiver(port: int, on_receipt=lambda: 200) -> Iterator[list[tuple[str, dict]]]:
    """An HTTP receiver; yields the notice id and the body of everything it was sent."""
    got: list[tuple[str, dict]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.headers[MESSAGE_ID], body))
            self.send_response(on_receipt())
            self.end_headers()

        def log_message(self, *_told) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """The ports of exec-ops's two channels, mail and HTTP."""
    mail, web = free_port(), free_port()
    urls = (
        f"mailto://ada:{PASSWORD}@127.0.0.1:{mail}/?from=ada@example.org&to=ops@example.org&mode=insecure&smtp=127.0.0.1",
        f"json://127.0.0.1:{web}/hook",
    )
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", " ".join(urls))
    return mail, web


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> int:
    """The port of exec-ops's only channel, HTTP."""
    port = free_port()
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", f"json://127.0.0.1:{port}/hook")
    return port


def test_a_notice_reaches_every_channel_of_its_audience_with_its_id(tmp_path: Path, web: int):
    with receiver(web) as got:
        post(tmp_path).publish(NOTICE)
        left = post(tmp_path).deliver()

    assert left == ()
    assert [one for one, _ in got] == [NOTICE.message_id]
    assert "The body, for all." in got[0][1]["message"]
    assert got[0][1]["title"] == "Revenue is corrected"


def test_a_mail_carries_the_id_as_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    port = free_port()
    url = f"mailto://127.0.0.1:{port}/?from=ada@example.org&to=ops@example.org&mode=insecure&smtp=127.0.0.1"
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", url)

    with mail_server(port) as inbox:
        post(tmp_path).publish(NOTICE)
        assert post(tmp_path).deliver() == ()

    (message,) = inbox.messages
    assert message[MESSAGE_ID] == NOTICE.message_id
    assert message["Subject"] == "Revenue is corrected"


def test_a_mail_survives_outage_refusal_and_a_killed_sender_under_one_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    port = free_port()
    url = f"mailto://127.0.0.1:{port}/?from=ada@example.org&to=ops@example.org&mode=insecure&smtp=127.0.0.1"
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", url)
    post(tmp_path).publish(NOTICE)
    assert len(post(tmp_path).deliver()) == 1

    with mail_server(port, lambda: "451 Try again later") as refusing:
        assert len(post(tmp_path).deliver()) == 1
    children: list[subprocess.Popen] = []

    def kill_sender() -> str:
        os.kill(children[0].pid, signal.SIGKILL)
        return "250 OK"

    with mail_server(port, kill_sender) as taking:
        children.append(delivering(tmp_path))
        assert children[0].wait(60) == -signal.SIGKILL
    assert post(tmp_path).records.outbox.deliveries()[0].is_pending
    with mail_server(port) as again:
        assert post(tmp_path).deliver() == ()
        assert post(tmp_path).deliver() == ()

    received = [len(inbox.messages) for inbox in (refusing, taking, again)]
    assert received == [1, 1, 1]
    ids = {inbox.messages[0][MESSAGE_ID] for inbox in (refusing, taking, again)}
    assert ids == {NOTICE.message_id}


def test_an_outage_delays_a_notice_and_loses_none(tmp_path: Path, web: int):
    outbox = post(tmp_path).records.outbox
    post(tmp_path).publish(NOTICE)
    assert len(post(tmp_path).deliver()) == 1
    assert len(post(tmp_path).deliver()) == 1
    (waiting,) = outbox.deliveries()
    assert waiting.is_pending
    assert waiting.failures == 2
    assert (tmp_path / "notices" / f"{NOTICE.name}.md").read_text() == NOTICE.body

    with receiver(web) as got:
        assert post(tmp_path).deliver() == ()
        assert post(tmp_path).deliver() == ()

    assert [one for one, _ in got] == [NOTICE.message_id]
    assert outbox.deliveries()[0].sent_at == NOW


def test_a_receiver_that_refuses_is_asked_again_and_the_id_stays_the_same(tmp_path: Path, web: int):
    answers = iter([503, 200])
    with receiver(web, lambda: next(answers)) as got:
        post(tmp_path).publish(NOTICE)
        assert len(post(tmp_path).deliver()) == 1
        assert post(tmp_path).deliver() == ()

    assert [one for one, _ in got] == [NOTICE.message_id] * 2


def test_killed_after_sending_it_goes_out_twice_and_can_be_recognised(tmp_path: Path, web: int):
    children: list[subprocess.Popen] = []

    def kill_sender() -> int:
        os.kill(children[0].pid, signal.SIGKILL)
        children[0].wait()
        return 200

    with receiver(web, kill_sender) as got:
        children.append(delivering(tmp_path))
        assert children[0].wait(60) == -signal.SIGKILL
    (waiting,) = post(tmp_path).records.outbox.deliveries()
    assert waiting.is_pending

    with receiver(web) as again:
        assert post(tmp_path).deliver() == ()

    assert [one for one, _ in (*got, *again)] == [NOTICE.message_id] * 2


def test_one_channel_that_is_down_does_not_keep_the_other_waiting(tmp_path: Path, ports: tuple[int, int]):
    with receiver(ports[1]) as got:
        post(tmp_path).publish(NOTICE)
        (left,) = post(tmp_path).deliver()

    assert left.channel == "1 mailto"
    assert len(got) == 1
    told = {one.channel: one.sent_at for one in post(tmp_path).records.outbox.deliveries()}
    assert told == {"1 mailto": None, "2 json": NOW}


def test_publishing_the_same_notice_again_sends_it_once(tmp_path: Path, web: int):
    with receiver(web) as got:
        for _ in range(3):
            post(tmp_path).publish(NOTICE)
            post(tmp_path).deliver()

    assert len(got) == 1


def test_no_address_is_logged_stored_or_told(
    tmp_path: Path, ports: tuple[int, int], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
):
    caplog.set_level(logging.DEBUG)
    post(tmp_path).publish(NOTICE)
    left = post(tmp_path).deliver()

    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    seen = [caplog.text, *capfd.readouterr(), repr(left), repr(files)]
    for text in seen:
        assert PASSWORD not in text
        assert str(ports[0]) not in text


def test_an_address_that_is_none_is_a_failure_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", "nosuchthing://x/y")

    post(tmp_path).publish(NOTICE)

    assert post(tmp_path).deliver()[0].channel == "1 of no known kind"
    assert "does not begin with a kind of channel" in post(tmp_path).records.outbox.deliveries()[0].why


def test_an_audience_without_channels_is_told_in_the_folder_only(tmp_path: Path):
    post(tmp_path).publish(NOTICE)

    assert post(tmp_path).deliver() == ()
    (written,) = post(tmp_path).records.outbox.deliveries("20260123")
    assert not written.channel
    assert not written.is_pending


def test_a_channel_that_is_added_later_is_not_told_of_the_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    post(tmp_path).publish(NOTICE)
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", f"json://127.0.0.1:{free_port()}/hook")

    assert post(tmp_path).deliver() == ()


def test_an_audience_finds_its_addresses_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKFILL_NOTIFY_BOARD_PREP", "json://a/b?x=1,2 xml://c, mailto://d")

    assert channels_of("board-prep") == ("1 json", "2 xml", "3 mailto")
    assert channels_of("finance") == ()


SECRET = "hunter2"
ODD_ADDRESSES = [
    f"mailto:ada:{SECRET}@example.org",
    f"ada:{SECRET}://example.org",
    f"{SECRET}",
    f"//ada:{SECRET}@example.org",
    f"mailto:ada:{SECRET}@a json://b",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_an_address_that_is_none_is_neither_named_nor_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
):
    monkeypatch.setenv("BACKFILL_NOTIFY_FINANCE", address)
    records = Records(Lake(str(tmp_path / "lake")))
    post = Post(records, tmp_path, NOW)
    post.publish(Notice("1", NoticeKind.PUBLISHED, "finance", "subject", "body"))

    told = repr((channels_of("finance"), post.deliver(), [*records.outbox.deliveries()]))

    assert SECRET not in told
    assert "of no known kind" in told
    assert "does not begin with a kind of channel" in told
