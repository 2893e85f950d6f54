"""YAML that people sign, read without choosing or converting anything: every scalar is the text that stands there.

A key given twice is a fault, at any depth, and so is all that makes one text mean another: anchors, merge keys, tags,
more documents than one. Every fault is told, each with its line. JSON is YAML, and read in the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never, cast

import yaml

from backfill_assets.errors.request import RequestUnreadable

Place = tuple[str | int, ...]
MOST_BYTES = 1_000_000
MOST_DEPTH = 20
EMPTY = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong at one place: what, as the end of "In line … ", and what to do instead."""

    line: int
    what: str
    instead: str


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping of texts, lists and mappings (``None`` where nothing stands), the line of each place, the faults."""

    content: Mapping[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict[Place, int])
    faults: tuple[Fault, ...] = ()

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest that holds it; 0 where there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte-order mark.

    Raises:
        RequestUnreadable: when it is not there, no file, no text, or far too long.
    """
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise RequestUnreadable(str(path), why[:1].lower() + why[1:]) from error
    if len(found) > MOST_BYTES:
        raise RequestUnreadable(str(path), "it is too long for a request")
    if found.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RequestUnreadable(str(path), "it is UTF-16 and has to be UTF-8")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise RequestUnreadable(str(path), f"line {line} is not UTF-8") from error


def read_document(text: str, name: str) -> Document:
    """Read a text that has to be one mapping.

    Raises:
        RequestUnreadable: when it is no YAML, empty, or no mapping; naming the line.
    """
    try:
        return _Reader(text, name).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RequestUnreadable(name, f"it is not YAML{where}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise RequestUnreadable(name, f"line {line} has a character that is not text") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RequestUnreadable(name, "it is not YAML") from error


class _Reader:
    """Turns the events of one text into a tree, and keeps lines and faults as it goes."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.events: Iterator[Any] = cast("Any", yaml).parse(text, Loader=yaml.SafeLoader)
        self.lines: dict[Place, int] = {}
        self.faults: list[Fault] = []

    def document(self) -> Document:
        next(self.events)  # the stream begins
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self._refuse("it is empty")
        root = next(self.events)
        if not isinstance(root, yaml.MappingStartEvent):
            empty = isinstance(root, yaml.ScalarEvent) and root.value in EMPTY
            self._refuse("it is empty" if empty else f"line {_line(root)} does not begin a mapping of fields to values")
        content = self._value(root, ())
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._fault(event, "a second document begins", "Keep one request in a file")
        return Document(content, self.lines, tuple(self.faults))

    def _value(self, event: Any, place: Place) -> Any:
        if place:
            self.lines.setdefault(place, _line(event))
        if len(place) > MOST_DEPTH:
            self._refuse(f"line {_line(event)} is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            return self._fault(event, f"*{event.anchor} stands for something else", "Write out what it stands for")
        if event.anchor:
            self._fault(event, f"&{event.anchor} marks a value", "Write the value wherever it is meant")
        if event.tag:
            self._fault(event, f"the tag {event.tag} changes what a value means", "Leave the tag out")
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.SequenceStartEvent():
                return self._list(place)
            case _:
                return self._mapping(place)

    def _scalar(self, event: Any) -> str | None:
        if event.style is None and event.value in EMPTY:
            return None
        try:
            # JSON writes what is beyond the basic plane as two halves.
            return str(event.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._fault(event, "half a character stands", "Write the whole character")
            return "�"

    def _list(self, place: Place) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*place, len(found))))
        return found

    def _mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            name = self._key(key, place)
            if name in found:
                first = self.lines[*place, name]
                told = ".".join(map(str, (*place, name)))
                self._fault(key, f"{told} is given twice, first in line {first}", "Keep the one that is meant")
                self._value(next(self.events), (*place, name, "again"))
                continue
            self.lines[*place, name] = _line(key)
            found[name] = self._value(next(self.events), (*place, name))
        return found

    def _key(self, event: Any, place: Place) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None:
            self._fault(event, "<< merges another mapping", "Write its fields out")
        value = self._value(event, (*place, "?"))
        if not isinstance(value, str):
            self._fault(event, "the name of a field is no text", "Write a name before the colon")
        return value if isinstance(value, str) else f"?{_line(event)}"

    def _fault(self, event: Any, what: str, instead: str) -> None:
        self.faults.append(Fault(_line(event), what, instead))

    def _refuse(self, why: str) -> Never:
        raise RequestUnreadable(self.name, why)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
