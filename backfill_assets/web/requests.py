"""Who asks, from where, and with what: what every request to the console is held to before it is answered."""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backfill_assets.errors.web import FormForged, FormUnreadable, PersonForged, PersonUnnamed, ProxyUnknown
from backfill_assets.web.forms import LARGEST_BODY

COOKIE = "backfill_console"
LOOPBACK = ("127.0.0.0/8", "::1")
ARRIVES_WITHIN = 20
"""Seconds in which a form has to have arrived."""
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
    machine types a name. It is believed of ``proxies`` alone, which are addresses or networks. ``secret`` signs forms,
    and ends with the process.
    """

    origins: tuple[str, ...] = ()
    header: str = ""
    proxies: tuple[str, ...] = LOOPBACK
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def is_known_host(self, host: str) -> bool:
        """Whether a request was sent to a name that is ours: a page elsewhere may let its own name lead here."""
        try:
            named = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(named) or host.lower() in {urlsplit(one).netloc.lower() for one in self.origins}

    def is_over_tls(self, request: Request) -> bool:
        """Whether a browser reaches the console over TLS: here, or as far as the proxy."""
        host = request.headers.get("host", "").lower()
        ends = {urlsplit(one).netloc.lower() for one in self.origins if one.lower().startswith("https://")}
        return request.url.scheme == "https" or host in ends

    def person(self, request: Request, typed: str) -> str:
        """The name of whoever decides: what the proxy says, else what was typed.

        Raises:
            PersonUnnamed: when the proxy was to say it and does not.
            PersonForged: when somebody else says it, or it is said twice.
        """
        if not self.header:
            return typed
        names = request.headers.getlist(self.header)
        if not names or not names[0].strip():
            raise PersonUnnamed(self.header)
        if len(names) > 1:
            raise PersonForged(self.header, "it is given more than once")
        if not self._is_proxy(request.client.host if request.client else ""):
            raise PersonForged(self.header, "the request did not come from the proxy")
        return _as_utf8(names[0]).strip()

    def _is_proxy(self, address: str) -> bool:
        try:
            came_from = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(came_from in network_of(one) for one in self.proxies)

    def refuse_foreign(self, request: Request) -> None:
        """Refuse what another site's page sends, or what does not say where it comes from.

        Raises:
            FormForged: in both cases.
        """
        origin = request.headers.get("origin", "")
        own = {*self.origins, f"{request.url.scheme}://{request.headers.get('host', '')}"}
        if origin not in own or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise FormForged


def network_of(told: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a network, as a network.

    Raises:
        ProxyUnknown: when it is neither.

    >>> network_of("10.0.0.7"), network_of("10.1.0.0/16")
    (IPv4Network('10.0.0.7/32'), IPv4Network('10.1.0.0/16'))
    """
    try:
        return ipaddress.ip_network(told.strip())
    except ValueError:
        raise ProxyUnknown(told) from None


def _as_utf8(told: str) -> str:
    """A header's value, which most send as UTF-8 and Starlette reads byte by byte."""
    try:
        return told.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return told


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
    with anyio.move_on_after(ARRIVES_WITHIN) as waiting:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST_BODY:
                raise FormUnreadable("it is too large")
            parts.append(part)
    if waiting.cancelled_caught:
        raise FormUnreadable(f"the rest of it did not arrive within {ARRIVES_WITHIN} seconds")
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
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                more = [(name.lower().encode(), value.encode()) for name, value in _COMMON.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in said)]
            await send(message)

        if len(hosts) != 1 or not self.access.is_known_host(hosts[0]):
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await guarded({"type": "http.response.start", "status": 421, "headers": plain})
            await guarded({"type": "http.response.body", "body": b"This address is not the console's."})
            return
        await self.app(scope, receive, guarded)
