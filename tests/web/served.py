"""A console over a lake of a test, behind a real server, and somebody who has nothing but HTTP."""

import http.client
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

import uvicorn

from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.testing import TestLake
from backfill_assets.web.console import Console
from backfill_assets.web.requests import Access

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answered:
    """What the console answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def told(self) -> str:
        """What is to be read on it."""
        return unescape(re.sub(r"<[^>]+>", "", re.sub(r"<style>.*?</style>", "", self.text, flags=re.DOTALL)))


@dataclass
class Browser:
    """Asks one console, and keeps its cookie. What is sent along with a form is what a browser sends."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            told.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection.request(method, path, body, told)
        answer = connection.getresponse()
        for name, morsel in SimpleCookie(answer.headers.get("set-cookie", "")).items():
            self.cookies[name] = morsel.value
        found = Answered(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode("utf-8", "replace"),
        )
        connection.close()
        return found

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, **headers)

    def send(self, path: str, fields: Sequence[tuple[str, str]], **headers: str) -> Answered:
        given = {"Origin": self.url, "Content-Type": FORM, "Sec-Fetch-Site": "same-origin"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.ask("POST", path, urlencode(fields).encode(), **given)


@dataclass(frozen=True)
class Served:
    """A lake, and the console over it at an address."""

    lake: TestLake
    url: str

    def browser(self) -> Browser:
        return Browser(self.url)

    def written(self) -> tuple[object, ...]:
        """Everything that a refused decision leaves as it is: facts, the table's commit, Dagster's runs, marks."""
        facts = {name: one.sequence for name, one in self.lake.records.ledger.all_progress().items()}
        runs = len(self.lake.instance.get_run_ids())
        return facts, self.lake.snapshot("daily_orders").commit, runs


@contextmanager
def served(lake: TestLake, access: Access | None = None) -> Iterator[Served]:
    """The console of a lake, listening on a free port of this machine until the end."""
    with lake.entered():
        console = Console(tables_in(lake.definitions), lake.runner, lake.lake, published_root(), access or Access())
        with listening(console) as url:
            yield Served(lake, url)


@contextmanager
def listening(console: Console) -> Iterator[str]:
    """The address of a console on a free port of this machine, until the end."""
    config = uvicorn.Config(
        console.application(), host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def token_on(page: Answered) -> str:
    """The token of the form on a page."""
    found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert found, page.told
    return found[1]


@dataclass(frozen=True)
class Deciding:
    """Somebody who decides about a correction: opens the form, fills it in, and confirms."""

    browser: Browser
    correction: str
    decision: str
    by: str = "Ada Lovelace"
    note: str = "Looked at all of it."
    more: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        return f"/corrections/{self.correction}/decide/{self.decision}"

    def fields(self, token: str) -> list[tuple[str, str]]:
        return [("token", token), ("by", self.by), ("note", self.note), *self.more]

    def first(self) -> tuple[str, Answered]:
        """Open the form and send it; returns its token and what was answered, which is to be confirmed."""
        page = self.browser.get(self.path)
        assert page.status == 200, page.told
        token = token_on(page)
        return token, self.browser.send(self.path, self.fields(token))

    def confirm(self, token: str) -> Answered:
        return self.browser.send(self.path, [*self.fields(token), ("confirmed", "yes")])

    def through(self) -> Answered:
        token, asked = self.first()
        assert asked.status == 200, asked.told
        assert "Confirm it" in asked.told
        return self.confirm(token)

    def but(self, **changes: object) -> "Deciding":
        return replace(self, **changes)
