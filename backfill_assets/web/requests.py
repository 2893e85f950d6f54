"""Who asks, from where, and with what: what every request to the console is held to before it is answered."""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backfill_assets.errors.web import FormForged, FormUnreadable, PersonUnnamed
from backfill_assets.web.forms import LARGEST_BODY

COOKIE = "backfill_console"
_COMMON = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Access:
    """How the console is reached, and who is believed to ask.

    ``origins`` are the addresses under which browsers know it, such as ``https://corrections.example.org`` behind a
    proxy, beside loopback. ``header`` is the one in which that proxy names the person; without it whoever sits at this
    machine types a name. ``secret`` signs forms, and ends with the process.
    """

    origins: tuple[str, ...] = ()
    header: str = ""
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def is_known_host(self, host: str) -> bool:
        """Whether a request was sent to a name that is ours: a page elsewhere may let its own name lead here."""
        return is_loopback(urlsplit(f"//{host}").hostname or "") or host in {
            urlsplit(one).netloc for one in self.origins
        }

    def person(self, request: Request, typed: str) -> str:
        """The name of whoever decides: what the proxy says, else what was typed.

        Raises:
            PersonUnnamed: when the proxy was to say it and does not.
        """
        if not self.header:
            return typed
        if not (name := request.headers.get(self.header, "").strip()):
            raise PersonUnnamed(self.header)
        return name

    def refuse_foreign(self, request: Request) -> None:
        """Refuse what another site's page sends, or what does not say where it comes from.

        Raises:
            FormForged: in both cases.
        """
        origin = request.headers.get("origin", "")
        own = {*self.origins, f"{request.url.scheme}://{request.headers.get('host', '')}"}
        if origin not in own or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise FormForged


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and reached by nobody else.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "console.example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def body_of(request: Request) -> bytes:
    """The body of a request, as far as it may be one of a form.

    Raises:
        FormUnreadable: when it is larger, or no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise FormUnreadable("it is not sent as a form")
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise FormUnreadable("it is too large")
        parts.append(part)
    return b"".join(parts)


def session_of(cookies: Mapping[str, str]) -> str:
    """What tells this browser from others; empty where it was shown no page yet."""
    return cookies.get(COOKIE, "")


class Guarded:
    """Every answer with strict headers; requests to names that are not ours get none of the pages."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                more = [(name.lower().encode(), value.encode()) for name, value in _COMMON.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in said)]
            await send(message)

        if not self.access.is_known_host(headers.get("host", "")):
            await guarded({"type": "http.response.start", "status": 421, "headers": []})
            await guarded({"type": "http.response.body", "body": b"This address is not the console's."})
            return
        await self.app(scope, receive, guarded)
