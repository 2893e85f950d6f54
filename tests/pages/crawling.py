"""Every page that can be reached from a first one, what is to be read on it, and what must never stand there."""

import ast
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from tests.kinds.test_sentences import AVOIDED, ELSEWHERE_MEANT, apart

PACKAGE = Path(__file__).parents[2] / "backfill_assets"
CODE = "\ufffc"
"""What stands in a text in the place of code."""
INLINE = frozenset({"a", "abbr", "b", "bdi", "code", "data", "em", "i", "small", "span", "strong", "wbr"})
UNSEEN = frozenset({"script", "style", "title"})
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})


class Seen(HTMLParser):
    """A page as somebody reads it: lines of text with code left out, the labels of its drawings, links and anchors."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = [""]
        self.labels: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [given[name] or "" for name in ("href", "src", "action") if name in given]
        self.anchors |= {given["id"] or ""} if "id" in given else set()
        if tag == "code" and not self._unseen():
            self.lines[-1] += CODE
        elif tag not in INLINE:
            self.lines.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag not in INLINE:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if self._unseen() or "code" in self._open:
            return
        if "svg" in self._open:
            self.labels.append(data)
        else:
            self.lines[-1] += data

    def _unseen(self) -> bool:
        return bool(UNSEEN.intersection(self._open))

    @property
    def text(self) -> list[str]:
        """Every line that has something on it."""
        return [line for line in (re.sub(r"[ \t\r\n]+", " ", line).strip(" ") for line in self.lines) if line]


def markdown_seen(text: str) -> list[str]:
    """The lines of a Markdown file, with code left out."""
    return [line for line in re.sub("`[^`]*`", CODE, text).splitlines() if line.strip() and set(line) - set("|:- ")]


def classes_of_ours() -> frozenset[str]:
    """The names of our classes that are no words."""
    modules = (ast.parse(file.read_text()) for file in PACKAGE.rglob("*.py"))
    names = {node.name for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)}
    return frozenset(name for name in names if re.search("[a-z][A-Z]", name))


CLASSES = classes_of_ours()
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
AVOIDED_HERE = {phrase: apart(phrase) for phrase in sorted(AVOIDED.keys() - ELSEWHERE_MEANT)}


@dataclass(frozen=True)
class Rule:
    """What must not stand on a page: how it is found, a line that has it, and one that has not."""

    finds: Callable[[str], list[str]]
    bad: str
    good: str


def matching(pattern: str) -> Callable[[str], list[str]]:
    """Whatever matches."""
    compiled = re.compile(pattern)
    return lambda line: [found[0] for found in compiled.finditer(line)]


def _classes(line: str) -> list[str]:
    return [word for word in re.findall(r"\w+", line) if word in CLASSES]


def _avoided(line: str) -> list[str]:
    return [
        f"{found[0]} (say {AVOIDED[phrase]})" for phrase, rule in AVOIDED_HERE.items() for found in rule.finditer(line)
    ]


def _lonely_years(line: str) -> list[str]:
    return re.findall(r"(?<![\w,.-])\d{4}(?![\w-]|[.,]\d)", re.sub(rf"(?:{MONTHS}|Q[1-4]|year) \d{{4}}\b", "", line))


RULES: Mapping[str, Rule] = {
    "a class name": Rule(_classes, "20260123 WaitForPerson", "Waits for a person."),
    "a name of code in prose": Rule(matching(r"(?<![\w./-])[A-Za-z]\w*_\w+"), "Stuck at cut_over", "Stuck at cut over"),
    "a word that the glossary avoids": Rule(_avoided, "The campaign ended", "The correction ended"),
    "a number without thousands set apart": Rule(
        matching(r"(?<![\w,.-])(?!20\d{6}(?!\d))\d{5,}"),
        "by 106645.98",
        "by 106,645.98 of 20260123",
    ),
    "a year without its month": Rule(
        _lonely_years,
        "by 1066 rows",
        "since May 2026, of Q4 2025",
    ),
    "more than two decimals": Rule(
        matching(r"(?<![\d.,])(?!0\.0)\d[\d,]*\.\d{3,}"), "12.3456", "12.34, and 0.0012 of a cent"
    ),
    "a percent sign set otherwise": Rule(matching(r"\d ?%"), "2.5% or 2 %", "2.50\u00a0%"),
    "a hyphen for a minus": Rule(matching(r"(?<![\w.)\u2026])-\d"), "by -5", "by \u22125, board-prep, 10-12"),
    "a date as a program writes it": Rule(matching(r"\d{4}-\d\d(-\d\d)?"), "on 2026-01-22", "on 22 January 2026"),
    "a month cut short": Rule(
        matching(r"(?<=\d )(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"), "22 Jan 2026", "22 January 2026"
    ),
    "a value of Python": Rule(matching(r"\b(None|True|False|nan|NaN|inf)\b"), "454 -> None", "none of it"),
    "an arrow of two characters": Rule(matching(r"->|\.\."), "1 -> 2, first..last", "first to last. Then"),
}
OF_LABELS = frozenset(
    {
        "a class name",
        "a name of code in prose",
        "a hyphen for a minus",
        "a date as a program writes it",
        "more than two decimals",
    }
)


def broken(lines: list[str], rules: Mapping[str, Rule] = RULES) -> dict[str, list[str]]:
    """By rule, the lines that break it."""
    found = {name: [line for line in lines if rule.finds(line)] for name, rule in rules.items()}
    return {name: list(dict.fromkeys(lines)) for name, lines in found.items() if lines}


def broken_on(seen: Seen) -> dict[str, list[str]]:
    """By rule, what on a page breaks it; a drawing's labels keep some of them."""
    labels = broken(seen.labels, {name: rule for name, rule in RULES.items() if name in OF_LABELS})
    told = broken(seen.text)
    return {name: [*told.get(name, ()), *labels.get(name, ())] for name in {**told, **labels}}


def listed(found: Mapping[str, Mapping[str, list[str]]]) -> str:
    """What breaks a rule, a line each."""
    lines = [
        f"{where}: {rule}: {line[:300]}" for where, of in found.items() for rule, all_ in of.items() for line in all_
    ]
    return "\n".join(lines)


@dataclass
class Site:
    """Everything that was reached from a first page: the pages by their address, files, and links to nothing."""

    pages: dict[str, Seen] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    dead: list[str] = field(default_factory=list)


def crawled(first: str, fetch: Callable[[str], str | bytes | None]) -> Site:
    """Follow every link that stays below the first page's root. ``fetch`` returns a page as text, a file as bytes."""
    site, wanted = Site(), [(first, "")]
    fragments: list[tuple[str, str, str]] = []
    while wanted:
        address, by = wanted.pop()
        if address in site.pages or address in site.files:
            continue
        found = fetch(address)
        if found is None:
            site.dead.append(f"{address} linked by {by}")
        elif isinstance(found, bytes):
            site.files.add(address)
        else:
            seen = site.pages[address] = Seen(found)
            for link in seen.links:
                target, fragment = urldefrag(urljoin(address, link))
                if urlsplit(target).scheme in {"data", "mailto"}:
                    continue
                wanted.append((target, address))
                fragments += [(target, fragment, address)] if fragment else []
    missing = [one for one in fragments if one[0] in site.pages and one[1] not in site.pages[one[0]].anchors]
    site.dead += [f"{target}#{fragment} linked by {by}" for target, fragment, by in missing]
    return site


def in_folder(folder: Path) -> Callable[[str], str | bytes | None]:
    """Pages and files of a folder, as a browser reads them from a disk: a folder is no page."""

    def fetch(address: str) -> str | bytes | None:
        file = Path(unquote(urlsplit(address).path))
        if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
            return None
        return file.read_text("utf-8") if file.suffix == ".html" else file.read_bytes()

    return fetch


def relative(folder: Path, addresses: set[str]) -> set[str]:
    """Addresses of files, relative to their folder."""
    return {posixpath.relpath(unquote(urlsplit(one).path), folder.as_posix()) for one in addresses}
