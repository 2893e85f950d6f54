"""Text that strangers write, and what a page must make of it: the same elements as ever, and the text to be read."""

import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser

from backfill_assets.core.plain import one_line

HARMLESS = "harmless"
SHORTEST = 12
"""What is left of a long text where there is least space."""
TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></svg><b>",
    "{{ 7 * 7 }}{% raw %}{# not a comment",
    "\u202egnp.exe\u2066 \u200f",
    "two\nlines\r\x00",
    "&lt;b&gt; &amp; --> ]]>",
    ' class="never" #010101 0.12345 font-family="',
)


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes, and everything that is read in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(f"<{tag} {' '.join(name for name, _ in attrs)}>")
        self.text += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append("<!-- -->")


def obeyed(page_with: Callable[[str], str]) -> list[str]:
    """The texts that change a page's elements, are not shown as they are, or turn the direction of what follows."""
    elements = Skeleton(page_with(HARMLESS)).elements
    found: list[str] = []
    for text in TEXTS:
        page = page_with(text)
        skeleton = Skeleton(page)
        is_shown = any(one_line(text[:SHORTEST]) in " ".join(part.split()) for part in skeleton.text)
        if skeleton.elements != elements or not is_shown or _turns(page):
            found.append(text)
    return found


def _turns(page: str) -> bool:
    return any(unicodedata.category(char) in {"Cc", "Cf"} and char != "\n" for char in page)
