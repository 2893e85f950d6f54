"""The console behind a real server: what it shows, what is decided there, and everything that it refuses."""

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from starlette.requests import Request

from backfill_assets.core.facts import Approved
from backfill_assets.core.next_step import Finished
from backfill_assets.errors.base import Refused
from backfill_assets.runbook.watermark_steps import advance_holder, register_holder, report_use
from backfill_assets.testing import TestLake
from backfill_assets.web.requests import Access
from tests.kinds.stranger import days
from tests.web.conftest import DAYS, Told
from tests.web.served import FORM, Answered, Deciding, Served, served, token_on


@pytest.fixture
def at_gate(gate: Told, tmp_path: Path) -> Iterator[tuple[Served, str]]:
    with served(gate.lake.copy(tmp_path / "lake")) as console:
        yield console, gate.correction


@pytest.fixture
def when_live(live: Told, tmp_path: Path) -> Iterator[tuple[Served, str]]:
    with served(live.lake.copy(tmp_path / "lake")) as console:
        yield console, live.correction


def revenues(lake: TestLake) -> list[int]:
    return lake.rows("daily_orders").group_by("day").agg(pl.col("revenue").sum()).sort("day")["revenue"].to_list()


def test_a_correction_is_found_read_and_approved_without_a_script(at_gate: tuple[Served, str]):
    console, correction = at_gate
    browser = console.browser()
    index = browser.get("/")
    assert f'href="/corrections/{correction}/"' in index.text
    assert "waits for approval" in index.told
    page = browser.get(f"/corrections/{correction}/")
    assert "Counted &lt;b&gt;twice&lt;/b&gt;." in page.text
    assert 'href="decide/approve"' in page.text
    assert 'href="decide/roll-back"' not in page.text
    form = browser.get(f"/corrections/{correction}/decide/approve")
    assert "4 days of daily_orders are replaced by one commit, and 3 stay as they are." in form.told
    assert "revenue is 1,400 instead of 2,200, a change of \u2212800." in form.told
    answered = Deciding(browser, correction, "approve").through()
    assert (answered.status, answered.headers["location"]) == (303, f"/corrections/{correction}/")
    approval = console.lake.correction(correction).progress.gate.approval
    assert approval is not None
    assert (approval.by, approval.note, approval.override) == ("Ada Lovelace", "Looked at all of it.", False)
    console.lake.correction(correction).drive()
    assert revenues(console.lake) == [200] * 10
    page = browser.get(f"/corrections/{correction}/")
    assert "Ada Lovelace" in page.told
    assert 'href="decide/roll-back"' in page.text


def test_some_days_are_rolled_back_and_then_the_rest(when_live: tuple[Served, str]):
    console, correction = when_live
    deciding = Deciding(console.browser(), correction, "roll-back", note="Too early.")
    some = (("extent", "chosen"), ("chosen", DAYS[1]), ("chosen", DAYS[2]))
    told = deciding.but(more=some).first()[1].told
    assert "2 of 4 days (6 January 2026, 7 January 2026) of daily_orders hold again what they held before" in told
    assert "revenue is 800 instead of 400, a change of +400." in told
    assert "Rebuilt are weekly_orders (1 partition)." in told
    assert deciding.but(more=some).through().status == 303
    assert revenues(console.lake) == [200, 400, 400, *[200] * 7]
    assert "Approve what went back…" in console.browser().get(f"/corrections/{correction}/").told
    approval = console.browser().get(f"/corrections/{correction}/decide/approve").told
    assert "2 days of daily_orders are replaced by one commit, and 5 stay as they are." in approval
    assert "revenue is 400 instead of 800, a change of \u2212400." in approval
    assert deciding.but(more=(("extent", "all"),)).through().status == 303
    assert revenues(console.lake) == [200, 400, 400, 400, 400, *[200] * 5]


def test_a_correction_is_abandoned(at_gate: tuple[Served, str]):
    console, correction = at_gate
    assert Deciding(console.browser(), correction, "abandon").through().status == 303
    assert isinstance(console.lake.correction(correction).drive(), Finished)
    assert "Closed" in console.browser().get("/").told


def test_a_reader_is_no_longer_waited_for(gate: Told, tmp_path: Path):
    lake = gate.lake.copy(tmp_path / "lake")
    lake.correction(gate.correction).abandon()
    with lake.entered():
        ctx = lake.definition().step_context(lake.lake, "tester")
        register_holder(ctx, "billing")
        advance_holder(ctx, "billing", days(10)[-1])
    told = lake.correct(DAYS[0], DAYS[6], reason="Once more, with a reader.")
    told.through()
    assert told.progress.downstream.awaited_holders == {"billing"}
    with served(lake) as console:
        deciding = Deciding(console.browser(), told.id, "waive", more=(("chosen", "billing"),))
        assert deciding.through().status == 303
    assert not told.progress.downstream.awaited_holders


def test_failed_checks_are_overridden_with_a_reason(gate: Told, tmp_path: Path):
    lake = gate.lake.copy(tmp_path / "lake")
    lake.correction(gate.correction).abandon()
    told = lake.correct(DAYS[0], DAYS[6], reason="Again.", expect={"max_change_total": "0.1%"})
    told.drive()
    with served(lake) as console:
        deciding = Deciding(console.browser(), told.id, "override")
        assert "1 check failed" in console.browser().get(deciding.path).told
        bare = deciding.but(note="")
        before = console.written()
        assert bare.first()[1].status == 422
        assert console.written() == before
        assert deciding.through().status == 303
    assert told.progress.gate.approval is not None
    assert told.progress.gate.approval.override


Attack = Callable[[Served, str], Answered]


def _deciding(console: Served, correction: str) -> Deciding:
    return Deciding(console.browser(), correction, "approve")


def _without(name: str) -> Attack:
    def attack(console: Served, correction: str) -> Answered:
        one = _deciding(console, correction)
        token, _ = one.first()
        fields = [pair for pair in one.fields(token) if pair[0] != name]
        return one.browser.send(one.path, [*fields, ("confirmed", "yes")])

    return attack


def _with(*more: tuple[str, str], **headers: str) -> Attack:
    def attack(console: Served, correction: str) -> Answered:
        one = _deciding(console, correction)
        token, _ = one.first()
        return one.browser.send(one.path, [*one.fields(token), ("confirmed", "yes"), *more], **headers)

    return attack


def _unsigned(**headers: str) -> Attack:
    def attack(console: Served, correction: str) -> Answered:
        one = _deciding(console, correction).but(by="")
        token = token_on(one.browser.get(one.path, **headers))
        return one.browser.send(one.path, one.fields(token), **headers)

    return attack


def _as(by: str) -> Attack:
    return lambda console, correction: _deciding(console, correction).but(by=by).first()[1]


def _by_another_browser(console: Served, correction: str) -> Answered:
    token, _ = _deciding(console, correction).first()
    other = _deciding(console, correction)
    other.first()
    return other.confirm(token)


def _without_cookie(console: Served, correction: str) -> Answered:
    one = _deciding(console, correction)
    token, _ = one.first()
    one.browser.cookies.clear()
    return one.confirm(token)


def _for_another_decision(console: Served, correction: str) -> Answered:
    one = _deciding(console, correction)
    token, _ = one.first()
    return one.but(decision="abandon").confirm(token)


def _raw(body: bytes, kind: str = FORM) -> Attack:
    def attack(console: Served, correction: str) -> Answered:
        one = _deciding(console, correction)
        one.first()
        headers = {"Origin": console.url, "Content-Type": kind}
        return one.browser.ask("POST", one.path, body, **headers)

    return attack


def _not_offered(decision: str) -> Attack:
    return lambda console, correction: console.browser().get(f"/corrections/{correction}/decide/{decision}")


REFUSED: dict[str, tuple[int, Attack]] = {
    "no token": (409, _without("token")),
    "a made-up token": (409, _with(("confirmed", "yes"))),
    "another browser's token": (409, _by_another_browser),
    "no cookie": (409, _without_cookie),
    "the token of another decision": (409, _for_another_decision),
    "a foreign origin": (409, _with(Origin="https://elsewhere.example")),
    "the null origin": (409, _with(Origin="null")),
    "no origin": (409, _with(Origin="")),
    "a cross-site request": (409, _with(Sec_Fetch_Site="cross-site")),
    "another port's page": (409, _with(Origin="http://127.0.0.1:1")),
    "no name": (422, _without("by")),
    "a blank name": (422, _as("   ")),
    "a machine's name": (422, _as("dagster")),
    "a placeholder": (422, _as("<your name>")),
    "a field twice": (422, _with(("by", "Grace"))),
    "an unknown field": (422, _with(("override", "yes"))),
    "a note that is too long": (422, _with(("extent", "x" * 5000))),
    "an extent that is none": (422, _with(("extent", "some"))),
    "a body of a megabyte": (422, _raw(b"note=" + b"x" * (1 << 20))),
    "many fields": (422, _raw(b"chosen=a&" * 20_000)),
    "bytes that are no form": (422, _raw(b"\xff\xfe\x00")),
    "words without fields": (422, _raw(b"approve")),
    "a name that is no text": (422, _raw(b"by=Ad%ff&note=seen")),
    "a proxy's header where there is no proxy": (422, _unsigned(X_Forwarded_User="Grace Hopper")),
    "JSON": (422, _raw(json.dumps({"by": "Ada"}).encode(), "application/json")),
    "a file upload": (422, _raw(b"--x--", "multipart/form-data; boundary=x")),
    "a decision that is not offered": (409, _not_offered("roll-back")),
    "a decision that there is not": (404, _not_offered("delete")),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_what_is_refused_changes_nothing(attack: str, gate: Told, shared: Served):
    before = shared.written()
    status, act = REFUSED[attack]
    answered = act(shared, gate.correction)
    assert answered.status in ({status, 422} if attack == "a made-up token" else {status}), answered.told
    assert shared.written() == before
    assert "Nothing was changed." in answered.told or "has changed nothing" in answered.told


@pytest.fixture(scope="module")
def shared(gate: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console for those who change nothing."""
    with served(gate.lake.copy(tmp_path_factory.mktemp("shared") / "lake")) as console:
        yield console


def test_who_has_seen_wrong_numbers_is_told_as_it_is_now(shared: Served, gate: Told):
    with shared.lake.entered():
        report_use(shared.lake.definition().step_context(shared.lake.lake, "tester"), "model", 2)
    page = shared.browser().get(f"/corrections/{gate.correction}/exposure.html")
    file = shared.browser().get(f"/corrections/{gate.correction}/exposure.csv")
    assert (page.status, file.status) == (200, 200)
    assert "model" in page.told
    assert file.told.startswith("kind,name,part,")
    assert shared.browser().get("/corrections/20991231/exposure.html").status == 404


def test_a_second_press_of_the_button_is_refused(at_gate: tuple[Served, str]):
    console, correction = at_gate
    deciding = Deciding(console.browser(), correction, "approve")
    token, _ = deciding.first()
    assert deciding.confirm(token).status == 303
    before = console.written()
    again = deciding.confirm(token)
    assert again.status == 409
    assert "the form was sent before" in again.told
    assert console.written() == before


def test_a_form_that_shows_what_is_no_longer_so_is_refused(at_gate: tuple[Served, str]):
    console, correction = at_gate
    deciding = Deciding(console.browser(), correction, "approve")
    token, _ = deciding.first()
    console.lake.correction(correction).abandon()
    before = console.written()
    assert deciding.confirm(token).status == 409
    assert console.written() == before


def test_what_is_asked_and_missing_is_told_before_any_run(when_live: tuple[Served, str]):
    console, correction = when_live
    deciding = Deciding(console.browser(), correction, "roll-back")
    before = console.written()
    for more in ((), (("extent", "chosen"),), (("extent", "chosen"), ("chosen", DAYS[9]))):
        answered = deciding.but(more=more).first()[1]
        assert answered.status == 422
        assert "Choose from those that the form lists." in answered.told
    assert deciding.but(note="", more=(("extent", "all"),)).first()[1].status == 422
    assert console.written() == before


PAGES = ["/", "/console.js", "/corrections/{id}/", "/corrections/{id}/index.html", "/corrections/{id}/decide/approve"]


@pytest.mark.parametrize("page", [*PAGES, "/corrections/nobody/", "/nothing", "/corrections/{id}/decide/delete"])
def test_every_answer_has_strict_headers(page: str, gate: Told, shared: Served):
    answered = shared.browser().get(page.replace("{id}", gate.correction))
    assert answered.status == (200 if page in PAGES else 404)
    policy = answered.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"


def test_the_cookie_is_for_this_browser_and_this_site_only(gate: Told, shared: Served):
    cookie = shared.browser().get(f"/corrections/{gate.correction}/decide/approve").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere.example:3001", "127.0.0.1.elsewhere.example", ""])
def test_a_name_that_only_leads_here_is_shown_nothing(host: str, shared: Served):
    answered = shared.browser().get("/", Host=host)
    assert answered.status in {400, 421}
    assert "orrection" not in answered.text


@pytest.mark.parametrize(
    "path", ["/../lake/", "/%2e%2e/dagster/dagster.yaml", "/..%2f..%2fetc%2fpasswd", "//etc/passwd"]
)
def test_nothing_beside_what_is_published_is_served(path: str, shared: Served):
    assert shared.browser().get(path).status in {400, 404, 405}


def test_a_published_file_is_served_as_it_is(at_gate: tuple[Served, str]):
    console, _ = at_gate
    file = console.lake.folder / "published" / "notes.txt"
    file.write_text("as it is")
    assert console.browser().get("/notes.txt").text == "as it is"


def test_the_proxy_says_who_decides_and_nobody_else_does(gate: Told, tmp_path: Path):
    access = Access(("https://corrections.example.org",), "X-Forwarded-User")
    with served(gate.lake.copy(tmp_path / "lake"), access) as console:
        browser = console.browser()
        path = f"/corrections/{gate.correction}/decide/approve"
        assert browser.get(path).status == 409
        known = {"X_Forwarded_User": "Grace Hopper", "Host": "corrections.example.org"}
        page = browser.get(path, **known)
        assert "You decide as Grace Hopper." in page.told
        assert 'name="by"' not in page.text
        token = token_on(page)
        fields = [("token", token), ("by", "Ada Lovelace"), ("note", "seen"), ("confirmed", "yes")]
        before = console.written()
        assert browser.send(path, fields).status == 409
        assert console.written() == before
        answered = browser.send(path, fields, **known, Origin="https://corrections.example.org")
        assert answered.status == 303, answered.told
        approval = console.lake.correction(gate.correction).progress.gate.approval
        assert approval is not None
        assert approval.by == "Grace Hopper"


UNBELIEVED: dict[str, tuple[Access, list[tuple[str, str]], str]] = {
    "nobody": (Access(header="X-User"), [], "does not say in its header X-User"),
    "a blank": (Access(header="X-User"), [("X-User", " ")], "does not say in its header X-User"),
    "two": (Access(header="X-User"), [("X-User", "Ada"), ("x-user", "Grace")], "it is given more than once"),
    "somebody who is no proxy": (Access(header="X-User", proxies=("10.0.0.7",)), [("X-User", "Ada")], "not come from"),
}


@pytest.mark.parametrize("who", UNBELIEVED)
def test_a_person_is_believed_of_the_proxy_alone(who: str):
    access, headers, why = UNBELIEVED[who]
    given = [(name.lower().encode(), value.encode()) for name, value in headers]
    request = Request({"type": "http", "headers": given, "client": ("127.0.0.1", 50_000)})
    with pytest.raises(Refused, match=why):
        access.person(request, "Typed")


def test_a_name_is_read_as_it_is_written():
    given = [(b"x-user", "Zoë Müller".encode())]
    request = Request({"type": "http", "headers": given, "client": ("10.0.3.7", 50_000)})
    assert Access(header="X-User", proxies=("10.0.0.0/16",)).person(request, "") == "Zoë Müller"


def test_two_people_who_press_at_the_same_moment_decide_once(at_gate: tuple[Served, str]):
    console, correction = at_gate
    people = [Deciding(console.browser(), correction, "approve", by=by) for by in ("Ada Lovelace", "Grace Hopper")]
    tokens = [one.first()[0] for one in people]
    with ThreadPoolExecutor(2) as both:
        answers = [*both.map(lambda one, token: one.confirm(token), people, tokens)]
    assert sorted(answer.status for answer in answers) == [303, 409]
    events = console.lake.records.ledger.events(correction)
    assert sum(isinstance(event.fact, Approved) for event in events) == 1


def test_an_open_page_hears_that_the_ledger_has_moved(at_gate: tuple[Served, str]):
    console, correction = at_gate
    connection = http.client.HTTPConnection(urlsplit(console.url).netloc, timeout=30)
    connection.request("GET", f"/corrections/{correction}/events")
    stream = connection.getresponse()
    assert stream.headers["content-type"].startswith("text/event-stream")
    standing = console.lake.correction(correction).progress.sequence
    assert _next(stream) == ("standing", standing)
    Deciding(console.browser(), correction, "approve").through()
    event, sequence = _next(stream)
    assert event == "moved"
    assert sequence > standing
    connection.close()


def _next(stream: http.client.HTTPResponse) -> tuple[str, int]:
    told: dict[str, str] = {}
    while "data" not in told:
        name, _, value = stream.readline().decode().strip().partition(": ")
        told[name] = value
    return told["event"], int(told["data"])
