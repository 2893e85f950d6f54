"""Whatever is sent in a field of a form, or asked for as a path: text, or refused; no page obeys it.

A field is one line of ``FIELDS``, a path one of ``PATHS``.
"""

from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given

from tests.kinds.test_hostile_names import ANY
from tests.pages.hostile import HARMLESS, TEXTS, Skeleton
from tests.profiles import share_of_examples
from tests.web.conftest import Told
from tests.web.served import Answered, Deciding, Served, served

LONELY = "\ud800"


def with_field(name: str) -> Callable[[Deciding, str, str], list[tuple[str, str]]]:
    def fields(one: Deciding, token: str, text: str) -> list[tuple[str, str]]:
        return [(field, text if field == name else value) for field, value in one.fields(token)]

    return fields


def more(name: str) -> Callable[[Deciding, str, str], list[tuple[str, str]]]:
    return lambda one, token, text: [*one.fields(token), (name, text)]


FIELDS: dict[str, Callable[[Deciding, str, str], list[tuple[str, str]]]] = {
    "who decides": with_field("by"),
    "the note": with_field("note"),
    "the token": with_field("token"),
    "how far": more("extent"),
    "a chosen day": more("chosen"),
    "whether it is confirmed": more("confirmed"),
    "the name of a field": lambda one, token, text: [*one.fields(token), (text, "yes")],
}
PATHS: dict[str, str] = {
    "a correction": "/corrections/{}/",
    "what is decided of it": "/corrections/{}/decide/approve",
    "a decision": "/corrections/20260115/decide/{}",
    "a published file": "/{}",
    "a file below a folder": "/corrections/{}.html",
    "another host": "//{}/",
}


@pytest.fixture(scope="module")
def console(gate: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Nothing that is sent to it is ever decided."""
    with served(gate.lake.copy(tmp_path_factory.mktemp("hostile") / "lake")) as found:
        yield found


@pytest.fixture(scope="module")
def opened(console: Served, gate: Told) -> tuple[Deciding, str]:
    """A form that somebody has opened, and its token."""
    one = Deciding(console.browser(), gate.correction, "approve")
    token, _ = one.first()
    return one, token


def answered_well(console: Served, answer: Answered) -> None:
    assert answer.status < 500, answer.told
    assert "Traceback" not in answer.text
    assert urlsplit(answer.headers.get("location", "")).netloc in {"", console.browser().host}


@pytest.mark.parametrize("field", FIELDS)
@share_of_examples(0.3)
@example(LONELY)
@given(text=ANY)
def test_no_field_decides_anything_by_what_is_in_it(
    console: Served, opened: tuple[Deciding, str], field: str, text: str
):
    one, token = opened
    before = console.written()
    fields = FIELDS[field](one, token, text.encode("utf-8", "replace").decode())
    answered_well(console, one.browser.send(one.path, fields))
    if text.strip() != "yes":
        assert console.written() == before


@pytest.mark.parametrize("field", ["who decides", "the note", "how far", "a chosen day"])
def test_what_a_page_says_again_is_text_there(opened: tuple[Deciding, str], field: str):
    one, token = opened

    def page(text: str) -> str:
        return one.browser.send(one.path, FIELDS[field](one, token, text)).text

    known = {element for text in (HARMLESS, "", "x" * 5000) for element in Skeleton(page(text)).elements}
    assert {text: made for text in TEXTS if (made := {*Skeleton(page(text)).elements} - known)} == {}


@pytest.mark.parametrize("path", PATHS)
@share_of_examples(0.3)
@given(text=ANY)
def test_no_path_leads_out_of_what_is_published(console: Served, path: str, text: str):
    before = console.written()
    secret = console.lake.folder / "secret.txt"
    secret.write_text("a secret beside the lake")
    for told in (quote(text, safe=""), quote(text)):
        answer = console.browser().get(PATHS[path].format(told))
        answered_well(console, answer)
        assert "a secret beside the lake" not in answer.text
    assert console.written() == before
