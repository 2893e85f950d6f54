"""Reading a request: the YAML file or the launchpad's fields, already parsed into a mapping."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Approval, Request
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.errors.request import RequestFieldInvalid, RequestFieldMissing, RequestFieldsUnknown

FIELDS = ("table", "window", "reason", "watchers", "expect", "approval", "correction", "waves")
CORRECTION_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


def read_request(fields: Mapping[str, Any]) -> Request:
    """Make a request of its fields, as DESIGN's example spells them.

    Raises:
        RequestFieldsUnknown, RequestFieldMissing, RequestFieldInvalid: naming every offending field.
        WindowReversed: when the window ends before it begins.
    """
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise RequestFieldsUnknown(unknown, FIELDS)
    missing = {name for name in ("table", "window", "reason") if not fields.get(name)}
    if missing:
        raise RequestFieldMissing(missing)
    correction = str(fields.get("correction") or "")
    if correction and not CORRECTION_ID.fullmatch(correction):
        raise RequestFieldInvalid("correction", correction, "letters, digits, underscores and dashes, such as 20260123")
    return Request(
        table=str(fields["table"]),
        window=_window(fields["window"]),
        reason=str(fields["reason"]).strip(),
        watchers=_watchers(fields.get("watchers")),
        expectation=Expectation.from_request(_mapping("expect", fields.get("expect"))),
        approval=_approval(fields.get("approval", "manual")),
        correction=correction,
        waves=_waves(_mapping("waves", fields.get("waves"))),
    )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestFieldInvalid(name, value, "a mapping of names to values")
    return cast("Mapping[str, Any]", value)


def _window(value: object) -> Window:
    fields = _mapping("window", value)
    if set(fields) != {"first", "last"}:
        raise RequestFieldInvalid("window", dict(fields), "two days, {first: 2025-10-25, last: 2026-01-22}")
    return Window(_day("window.first", fields["first"]), _day("window.last", fields["last"]))


def _day(name: str, value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise RequestFieldInvalid(name, value, "a day such as 2026-01-22") from None


def _watchers(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise RequestFieldInvalid("watchers", value, "a list of audiences, [finance, exec-ops]")
    return tuple(str(watcher) for watcher in cast("list[object]", value))


def _approval(value: object) -> Approval:
    try:
        return Approval(str(value))
    except ValueError:
        raise RequestFieldInvalid("approval", value, "manual or automatic") from None


def _waves(fields: Mapping[str, Any]) -> WavePolicy:
    unknown = set(fields) - {"max_days", "at_once", "order", "attempts"}
    if unknown:
        raise RequestFieldsUnknown({f"waves.{name}" for name in unknown}, ("max_days", "at_once", "order", "attempts"))
    defaults = WavePolicy()
    try:
        order = WaveOrder(str(fields.get("order", defaults.order)))
    except ValueError:
        raise RequestFieldInvalid("waves.order", fields["order"], "canary, oldest or newest") from None
    return WavePolicy(
        max_days=_count(fields, "max_days", defaults.max_days),
        at_once=_count(fields, "at_once", defaults.at_once),
        order=order,
        attempts=_count(fields, "attempts", defaults.attempts),
    )


def _count(fields: Mapping[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RequestFieldInvalid(f"waves.{name}", value, "a whole number from 1")
    return value
