"""Frozen values as JSON and back, by the annotations of their dataclasses.

Understood are strings, numbers, booleans, dates, times, decimals, enums, options, tuples, frozen sets, mappings,
dataclasses, and whatever has ``as_json`` and ``from_json``. Everything else is refused when it is written.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from backfill_assets.core.slots import read_slot

Kind = TypeVar("Kind")
OMIT = "omit"
KEY = "key"
FLAT = "flat"
# A field that its owner keeps elsewhere, such as in a column of its own.
NOT_STORED: dict[str, Any] = {"kept_elsewhere": True}


def stored_as(key: str = "", *, omit: bool = False, flat: bool = False) -> dict[str, Any]:
    """Metadata of a field: under which key it is stored, and whether it is left out while it has its default.

    The fields of a ``flat`` dataclass stand among those of the one that holds it.
    """
    return {KEY: key, OMIT: omit, FLAT: flat}


def encoded(value: Any) -> Any:
    """A value as JSON has it: dates and times in ISO, decimals as text, sets sorted.

    Raises:
        TypeError: for a value of a kind that is not understood.
    """
    match value:
        case Enum():
            return value.value
        case None | str() | bool() | int() | float():
            return value
        case date():  # a datetime is one too
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case frozenset():
            return sorted(encoded(item) for item in typing.cast("frozenset[Any]", value))
        case tuple() | list():
            return [encoded(item) for item in typing.cast("tuple[Any, ...]", value)]
        case Mapping():
            return {_key(key): encoded(item) for key, item in typing.cast("Mapping[Any, Any]", value).items()}
        case _:
            return _encoded_object(value)


def encoded_fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass by the keys under which they are stored."""
    stored: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if field.metadata.get(FLAT):
            stored |= encoded(item) if isinstance(item, Mapping) else encoded_fields(item)
        elif not _left_out(field, item):
            stored[key_of(field)] = encoded(item)
    return stored


def decoded(kind: type[Kind], stored: Any) -> Kind:
    """Read what :func:`encoded` wrote of a value of this kind.

    Raises:
        ValueError, TypeError, KeyError: when it is not of this kind.
    """
    return _reader(kind)(stored)


def decoded_fields(kind: type[Kind], stored: Mapping[str, Any], **given: Any) -> Kind:
    """Make a dataclass of its stored fields; absent ones have their defaults, unknown ones are left alone."""
    annotations = _annotations(kind)
    read: dict[str, Any] = {}
    for field in fields(typing.cast("Any", kind)):
        key, annotation = key_of(field), annotations[field.name]
        if field.name in given:
            continue
        if field.metadata.get(FLAT):
            read[field.name] = _reader(annotation)(stored) if is_dataclass(annotation) else dict(stored)
        elif key in stored:
            read[field.name] = _reader(annotation)(stored[key])
    return kind(**{**read, **given})


def key_of(field: Field[Any]) -> str:
    """The key under which a field is stored."""
    return field.metadata.get(KEY) or field.name


def _left_out(field: Field[Any], value: Any) -> bool:
    if "kept_elsewhere" in field.metadata:
        return True
    if not field.metadata.get(OMIT):
        return False
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return value == default


def _key(key: Any) -> str:
    return typing.cast("str", encoded(key))


def _encoded_object(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if is_dataclass(value):
        return encoded_fields(value)
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


@cache
def _annotations(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return lambda stored: stored
    if origin in {typing.Union, types.UnionType}:
        return _option(arguments)
    if origin in {tuple, frozenset}:
        item = _reader(arguments[0])
        return _collection(origin, item)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        name, item = _reader(arguments[0]), _reader(arguments[1])
        return lambda stored: {name(key): item(one) for key, one in stored.items()}
    if kind is date:
        return read_slot
    if kind is datetime:
        return datetime.fromisoformat
    if hasattr(kind, "from_json"):
        return kind.from_json
    if is_dataclass(kind):
        return lambda stored: decoded_fields(typing.cast("type[Any]", kind), stored)
    return _plain(kind)


def _collection(kind: Any, item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda stored: kind(item(one) for one in stored)


def _option(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    kinds = [one for one in arguments if one is not types.NoneType]
    if len(kinds) != 1:
        message = f"one of {kinds} cannot be told from another"
        raise TypeError(message)
    inner = _reader(kinds[0])
    return lambda stored: None if stored is None else inner(stored)


def _plain(kind: Any) -> Callable[[Any], Any]:
    """Enums and decimals are made of their text; strings, numbers and booleans have to be what they are."""
    if kind is Decimal or issubclass(kind, Enum):
        return kind

    def read(stored: Any) -> Any:
        wrong = not isinstance(stored, kind) or (isinstance(stored, bool) and kind is not bool)
        if kind is float and isinstance(stored, int) and not isinstance(stored, bool):
            return float(stored)
        if wrong:
            message = f"{stored!r} is no {kind.__name__}"
            raise ValueError(message)
        return stored

    return read
