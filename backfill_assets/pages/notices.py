"""A notice as a page: the Markdown that is mailed, in the look of all pages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from backfill_assets.core.notice import Notice
from backfill_assets.pages.shell import rendered

_PARTS = re.compile(r"\*\*([^*]+)\*\*|`([^`]+)`|\\([\[\]|*])|&(lt|gt|amp);")
_CHARACTERS = {"lt": "<", "gt": ">", "amp": "&"}
_ALIGNED = re.compile(r"^\| ?:?-")


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of a line: plain, strong, or code."""

    text: str
    kind: str = ""


Line = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading of a level, a paragraph, a list, or a table whose first row are its heads; each of lines of parts."""

    kind: str
    rows: Sequence[Sequence[Line]]
    level: int = 0

    @property
    def name(self) -> str:
        """What a table is called: its first head."""
        return "".join(part.text for part in self.rows[0][0])


def notice_page(notice: Notice) -> str:
    """The page of a notice, which links the page of its correction."""
    told = {"title": notice.subject, "attributes": {"correction": notice.correction}}
    return rendered("notice.html", **told, notice=notice, blocks=blocks_of(notice.body))


def blocks_of(body: str) -> list[Block]:
    """What a notice is written in: headings, paragraphs, lists and tables; everything else in it is text.

    >>> blocks_of("## To do")
    [Block(kind='#', rows=[[[Part(text='To do', kind='')]]], level=2)]
    """
    parts = (part for part in re.split(r"\n{2,}", body.strip()) if part.strip())
    return [block for part in parts for block in _blocks(part.splitlines())]


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    for kind, found in groupby(lines, _kind):
        of_kind = list(found)
        if kind == "#":
            yield from (Block(kind, [[_line(line.lstrip("#").strip())]], len(line.split()[0])) for line in of_kind)
        elif kind == "|":
            rows = [line for line in of_kind if not _ALIGNED.match(line)]
            yield Block(kind, [[_line(cell) for cell in _cells(row)] for row in rows])
        else:
            yield Block(kind, [[_line(line.removeprefix("- "))] for line in of_kind])


def _kind(line: str) -> str:
    if re.match(r"#{1,3} ", line):
        return "#"
    return "-" if line.startswith("- ") else "|" if line.startswith("|") else ""


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _line(text: str) -> list[Part]:
    parts, at = list[Part](), 0
    for found in _PARTS.finditer(text):
        parts += [Part(text[at : found.start()])] if found.start() > at else []
        at = found.end()
        strong, code, character, entity = found.groups()
        plain = character or _CHARACTERS.get(entity or "", "")
        parts.append(Part(strong or code or plain, "strong" if strong else "code" if code else ""))
    return [*parts, Part(text[at:])] if at < len(text) else parts
