"""What a reader takes from a page: its attributes, its banner, and the exact values behind its figures."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser


@dataclass
class Read(HTMLParser):
    """A page as a program reads it. ``tables`` are lists of rows, a row the exact values of its cells."""

    attributes: dict[str, str | None] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._table = ""
        self._exact: str | None = None
        self._skip = 0

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "html":
            self.attributes = told
        elif tag == "style":
            self._skip += 1
        elif told.get("role") == "region":
            self._table = str(told["aria-label"])
            self.tables[self._table] = []
        elif tag == "tr" and self._table:
            self.tables[self._table].append([])
        elif tag in {"td", "th"} and self._table:
            self.tables[self._table][-1].append("")
        elif tag == "data":
            self._exact = told["value"]

    def handle_endtag(self, tag):
        if tag == "table":
            self._table = ""
        elif tag == "style":
            self._skip -= 1
        elif tag == "data":
            self._exact = None

    def handle_data(self, data):
        if self._skip:
            return
        self.text += data
        if self._table and self.tables[self._table] and self.tables[self._table][-1]:
            self.tables[self._table][-1][-1] += data if self._exact is None else self._exact
            self._exact = "" if self._exact is not None else None


def read(page: str) -> Read:
    found = Read()
    found.feed(page)
    found.text = re.sub(r"\s+", " ", found.text)
    return found


def amounts(rows: list[list[str]], column: int) -> list[Decimal]:
    """The exact values of a column, without the head."""
    return [Decimal(row[column]) for row in rows[1:] if re.fullmatch(r"-?[\d.]+", row[column])]
