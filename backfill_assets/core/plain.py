"""Text that people typed, made safe to stand inside a page, a mail or a sheet."""

import re
import unicodedata

# Marks that turn the direction of everything after them, or are not seen at all.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_FORMULA = re.compile(r"^[\s\u00a0]*[=+\-@\uff0b\uff0d\uff1d\uff20]")
# What would be read as the character that it names.
_ENTITY = re.compile(r"&(?=#?\w{1,32};)")
_MARKDOWN = {"<": "&lt;", ">": "&gt;", "[": "\\[", "]": "\\]", "`": "'", "|": "\\|", "*": "\\*"}


def visible(text: object) -> str:
    r"""The text without control characters and without marks that turn the direction of writing, else as it is.

    >>> visible("late\nfixings\u202e, ")
    'late fixings, '
    """
    said = str(text)
    if said.isascii() and said.isprintable():
        return said
    return "".join(char if _is_seen(char) else " " if char.isspace() else "" for char in said)


def one_line(text: object) -> str:
    """The text on one line, without control characters and without marks that turn the direction of writing.

    >>> one_line(" late   fixings ")
    'late fixings'
    """
    return " ".join(visible(text).split())


def plain(text: object) -> str:
    """One line that means nothing to Markdown or HTML.

    >>> plain("<b>late</b>")
    '&lt;b&gt;late&lt;/b&gt;'
    """
    return "".join(_MARKDOWN.get(char, char) for char in _ENTITY.sub("&amp;", one_line(text)))


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula.

    >>> is_formula("=1+1"), is_formula("EUR")
    (True, False)
    """
    return bool(_FORMULA.match(text)) or text.startswith(("\t", "\r", "\n"))


def neutral(text: str) -> str:
    """The text as a spreadsheet shows it and never computes it.

    >>> neutral("=1+1")
    "'=1+1"
    """
    return f"'{text}" if is_formula(text) else text


def _is_seen(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE
