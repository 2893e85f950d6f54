"""The request as it is read and written: a file's text or a form's fields, validated by one strict model.

Scalars are texts until a field says what they mean, so that no digit is lost and no id becomes a number on the way.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Approval, Downstream, Request
from backfill_assets.core.slots import Hour
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.request import RequestAmbiguous, RequestFaulty, RequestFieldEmpty, in_line
from backfill_assets.runbook.request_model import RequestFields, errors_of
from backfill_assets.runbook.strict_yaml import Document, Place, read_document, text_of

NOT_A_FILE = "as given"


def read_request_file(path: Path) -> Request:
    """Read a request file.

    Raises:
        RequestUnreadable: when it is not there, or is no YAML mapping in UTF-8.
        BadInput: as :func:`read_request`.
    """
    return read_request(text_of(path), str(path))


def read_request(text: str, name: str = NOT_A_FILE) -> Request:
    """Read the text of a request.

    Raises:
        RequestUnreadable: when it is no YAML mapping.
        BadInput: a subclass for one fault, with its line; :class:`RequestFaulty` for several, all at once.
    """
    return _request_of(read_document(text, name))


def request_of(fields: Mapping[str, Any]) -> Request:
    """Make a request of a form's fields, as a file spells them; ``None`` is a field that is not there.

    Raises:
        BadInput: as :func:`read_request`, without lines.
    """
    return _request_of(Document(cast("Mapping[str, Any]", _as_text(fields))))


def request_text(head: str, fields: Mapping[str, Any]) -> str:
    """A request as a file, below some lines of comment; what :func:`read_request` reads."""
    dumped = yaml.dump(dict(fields), Dumper=_WithoutAnchors, sort_keys=False, allow_unicode=True, width=120)
    return f"{head.rstrip()}\n{dumped}"


def request_schema() -> dict[str, Any]:
    """The JSON schema of a request, by which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RequestFields.model_json_schema(),
        "title": "Request for a correction",
    }


class _WithoutAnchors(yaml.SafeDumper):
    """Writes what stands twice twice: the reader takes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - asked of each value
        """Everything is written out."""
        return True

    def of_hour(self, data: Hour) -> yaml.ScalarNode:
        """An hour as people write it."""
        return self.represent_str(str(data))


_WithoutAnchors.add_representer(Hour, _WithoutAnchors.of_hour)


def _request_of(document: Document) -> Request:
    content, faults = _without_empty(document)
    faults += [(fault.line, RequestAmbiguous(fault.what, fault.instead)) for fault in document.faults]
    try:
        read = RequestFields.model_validate(content)
    except ValidationError as invalid:
        faults += [(document.line_of(place), error) for place, error in errors_of(invalid)]
        raise _told(faults) from None
    if faults:
        raise _told(faults)
    return Request(
        table=read.table,
        window=Window(read.window.first, read.window.last),
        reason=read.reason,
        watchers=tuple(read.watchers),
        expectation=Expectation.from_request(read.expect.clauses()),
        approval=Approval(read.approval),
        correction=read.correction,
        downstream=tuple(
            Downstream(one.table, Expectation.from_request(one.expect.clauses())) for one in read.downstream
        ),
        budget=read.budget,
        waves=WavePolicy(
            max_days=read.waves.max_days,
            at_once=read.waves.at_once,
            order=WaveOrder(read.waves.order),
            attempts=read.waves.attempts,
        ),
    )


def _told(faults: list[tuple[int, BadInput]]) -> BadInput:
    """One fault as its own error, several as one."""
    return in_line(faults[0][1], faults[0][0]) if len(faults) == 1 else RequestFaulty(faults)


def _without_empty(document: Document) -> tuple[dict[str, Any], list[tuple[int, BadInput]]]:
    """The content without fields in which nothing stands, and a fault for each of those."""
    faults: list[tuple[int, BadInput]] = [
        (document.line_of(place), RequestFieldEmpty(".".join(map(str, place))))
        for place in _empty_places(document.content, ())
    ]
    return _without_none(document.content), faults


def _empty_places(value: Any, place: Place) -> Iterator[Place]:
    """Where nothing stands, in the order of the file."""
    if value is None:
        yield place
    for name, one in _items(value):
        yield from _empty_places(one, (*place, name))


def _without_none(value: Any) -> Any:
    kept = [(name, _without_none(one)) for name, one in _items(value) if one is not None]
    if isinstance(value, Mapping):
        return dict(kept)
    return [one for _, one in kept] if isinstance(value, list) else value


def _items(value: object) -> Iterable[tuple[Any, Any]]:
    """What a value holds, by name or number; nothing for a scalar."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).items()
    return enumerate(cast("list[Any]", value)) if isinstance(value, list) else ()


def _as_text(value: object) -> object:
    """Values of Python as a file spells them. Fractions stay what they are: they have lost their digits already."""
    if isinstance(value, Mapping):
        told = cast("Mapping[object, object]", value)
        return {str(name): _as_text(one) for name, one in told.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in cast("list[object]", value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, str | int | date) else value
