"""What a person sends with a form: read strictly from a body of bounded size, and bound to what the form was about."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from backfill_assets.errors.web import FormUnreadable

LARGEST_BODY = 1 << 18
MOST_FIELDS = 10_000
LONGEST_TEXT = 4_000
SINGLE = ("by", "note", "token", "extent", "confirmed")
REPEATED = "chosen"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a decision: who, why, which of the choices or all of them, and whether it is confirmed."""

    by: str = ""
    note: str = ""
    token: str = ""
    chosen: tuple[str, ...] = ()
    is_all: bool = False
    is_confirmed: bool = False


def read_form(body: bytes) -> Form:
    """The fields of a form as a browser sends them.

    Raises:
        FormUnreadable: when there are other fields, one is given twice, or a text is too long.
    """
    try:
        given = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except (ValueError, UnicodeError):
        raise FormUnreadable("it is not written as a browser writes it") from None
    single = _single([pair for pair in given if pair[0] != REPEATED])
    if single.get("extent", "") not in {"", "all", "chosen"}:
        raise FormUnreadable("its extent is neither all nor chosen")
    is_all = single.get("extent") == "all"
    chosen = () if is_all else tuple(dict.fromkeys(value for name, value in given if name == REPEATED))
    return Form(
        single.get("by", "").strip(),
        single.get("note", "").strip(),
        single.get("token", ""),
        chosen,
        is_all,
        single.get("confirmed") == "yes",
    )


def _single(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    for name, value in given:
        if name not in SINGLE:
            raise FormUnreadable(f"its field {name[:40]!r} is not known")
        if len(value) > LONGEST_TEXT or "\x00" in value:
            raise FormUnreadable(f"its field {name} is longer than {LONGEST_TEXT:,} letters or holds what is no text")
    if len({name for name, _ in given}) < len(given):
        raise FormUnreadable("a field is given twice")
    return dict(given)


def token_of(secret: bytes, **about: object) -> str:
    """What a form carries so that it is taken only from whom it was shown to, and while what it shows is true."""
    told = "\x1f".join(f"{name}={value}" for name, value in sorted(_texts(about).items()))
    return hmac.new(secret, told.encode(), hashlib.sha256).hexdigest()


def is_token(given: str, expected: str) -> bool:
    """Whether a form carries the token that it would be given now; takes the same time for each wrong one."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _texts(about: Mapping[str, object]) -> dict[str, str]:
    return {name: repr(value) for name, value in about.items()}
