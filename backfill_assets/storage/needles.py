"""Texts that must be nowhere, looked for in bytes: as a value of its own, or within something longer.

An id is often a short number, and numbers are everywhere. So a text counts where it stands as a word: neither inside of
a longer word, such as a hash, nor as a part of a number with decimals.
"""

import html
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import polars as pl

WORD = re.compile(rb"[0-9A-Za-z]+")
FEW = 16
LEAST_DIGITS, LEAST_CHARACTERS = 8, 4
AROUND = 24
HIDDEN = "█"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a text stands: as a value of its own or within one, and what is around it, without the text.

    ``is_certain`` is not so of short numbers within a text, which may be there by chance.
    """

    where: str
    is_whole: bool
    is_certain: bool
    around: str = ""


@dataclass(frozen=True)
class Needles:
    """Texts that are looked for, in each form in which files write them down."""

    values: tuple[str, ...] = field(repr=False)

    @cached_property
    def _whole(self) -> frozenset[bytes]:
        return frozenset(value.encode() for value in self.values)

    @cached_property
    def _forms(self) -> dict[bytes, str]:
        """Every form, and whose it is."""
        return {
            form.encode(): value
            for value in self.values
            for form in (value, html.escape(value), _escaped(value), _escaped(_escaped(value)), quote(value, safe=""))
        }

    @cached_property
    def _words(self) -> frozenset[bytes]:
        return frozenset(form for form in self._forms if WORD.fullmatch(form))

    def value(self, text: str | bytes, where: str) -> Place | None:
        """Whether a value of its own is one of the texts."""
        written = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
        return Place(where, is_whole=True, is_certain=True) if written in self._whole else None

    def within(self, content: bytes, where: str) -> Place | None:
        """The first place in bytes at which one of the texts stands as a word."""
        for form in self._candidates(content):
            at = content.find(form)
            while at >= 0:
                if _is_word(content, at, form):
                    return self._place(content, at, form, where)
                at = content.find(form, at + 1)
        return None

    def in_text(self, text: str, where: str) -> Place | None:
        """The first place in a text; of JSON only in what is text there too."""
        written = text.encode(errors="surrogatepass")
        if not self._candidates(written):
            return None
        for one in strings_of(text):
            if found := self.value(one, where) or self.within(one.encode(errors="surrogatepass"), where):
                return found
        return None

    def in_column(self, values: pl.Series, where: str) -> Place | None:
        """The first place in a column of text or bytes."""
        for one in values.drop_nulls().unique().to_list():
            if found := self.value(one, where):
                return found
            if found := self.in_text(one, where) if isinstance(one, str) else self.within(one, where):
                return found
        return None

    def _candidates(self, content: bytes) -> list[bytes]:
        """The forms that may stand in the bytes as a word."""
        if len(self._forms) <= FEW:
            return [form for form in self._forms if form in content]
        found = [*self._words.intersection(WORD.findall(content))]
        others = [form for form in self._forms if form not in self._words]
        # As text of as many characters as there are bytes, of which thousands of forms are looked for at once.
        text = pl.Series([content.decode("latin-1")])
        if others and text.str.contains_any([form.decode("latin-1") for form in others]).item():
            found += [form for form in others if form in content]
        return found

    def _place(self, content: bytes, at: int, form: bytes, where: str) -> Place:
        value = self._forms[form]
        is_weak = len(value) < LEAST_CHARACTERS or (value.isdigit() and len(value) < LEAST_DIGITS)
        before, after = content[max(at - AROUND, 0) : at], content[at + len(form) :][:AROUND]
        shown = HIDDEN.join(one.decode("utf-8", errors="replace") for one in (before, after))
        return Place(where, is_whole=content == form, is_certain=not is_weak, around=shown)


def _escaped(text: str) -> str:
    """A text as JSON writes it, between its quotation marks."""
    return json.dumps(text)[1:-1]


def strings_of(text: str) -> Iterator[str]:
    """The texts in a text: itself, or where it is JSON, or JSON by line, every text and name in that."""
    if text[:1] not in {"{", "[", '"'}:
        yield text
        return
    for line in text.splitlines():
        try:
            yield from _leaves(json.loads(line))
        except (ValueError, RecursionError):
            yield line


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from strings_of(value) if value[:1] in {"{", "["} else (value,)
    elif isinstance(value, dict | list):
        inside: list[Any] = [*value, *value.values()] if isinstance(value, dict) else [*value]
        for one in inside:
            yield from _leaves(one)


def _is_word(content: bytes, at: int, form: bytes) -> bool:
    """Whether a form stands alone: after its own length, as binary files write it, or between what is no word."""
    end = at + len(form)
    if content[max(at - 4, 0) : at] == len(form).to_bytes(4, "little"):
        return True
    if content[max(at - 1, 0) : at].isalnum() or content[end : end + 1].isalnum():
        return False
    if not form.isdigit():
        return True
    before, after = content[max(at - 2, 0) : at], content[end : end + 2]
    return not (before[:1].isdigit() and before[1:] == b".") and not (after[:1] == b"." and after[1:].isdigit())


def needles(values: Collection[str]) -> Needles:
    """Texts to look for, without those that are empty."""
    return Needles(tuple(sorted({value for value in values if value})))
