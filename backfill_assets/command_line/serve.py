"""The command ``serve``: the console, on loopback unless somebody in front says who asks."""

import socket
from typing import TYPE_CHECKING, Annotated

import typer

from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.errors.setup import needs_extra
from backfill_assets.errors.web import ConsoleExposed, PortTaken

if TYPE_CHECKING:
    from backfill_assets.web.console import Console
    from backfill_assets.web.requests import Access

HOST, PORT = "127.0.0.1", 3001


def serve(
    host: Annotated[str, typer.Option(help="Where to listen.")] = HOST,
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = PORT,
    identity_header: Annotated[
        str, typer.Option(help="The header in which a proxy in front names who asks, such as X-Forwarded-User.")
    ] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="An address under which browsers reach the proxy; may be repeated.")
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(help="An address or network of that proxy, which alone is believed; loopback when not given."),
    ] = None,
    json: Json = False,
) -> None:
    """Show all corrections live in a browser, and take the decisions of people there."""
    answer = Answer(as_json=json)
    with answer.refusals():
        with needs_extra("console", "The console"):
            import uvicorn

            from backfill_assets.web.requests import LOOPBACK, Access, is_loopback, network_of
        if not is_loopback(host) and not identity_header:
            raise ConsoleExposed(host)
        proxies = tuple(str(network_of(one)) for one in proxy or LOOPBACK)
        access = Access(tuple(one.rstrip("/") for one in origin or ()), identity_header, proxies)
        console, listening = console_of(Session(), access), _listening(host, port)
        told = {"address": _address(host, port)}
        sentence = f"The console is at {told['address']}. Stop it with Ctrl-C."
        answer.give(told, lambda shown: shown.print(sentence, soft_wrap=True))
        config = uvicorn.Config(
            console.application(),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listening])


def console_of(session: Session, access: "Access") -> "Console":
    """The console over what a session has loaded."""
    from backfill_assets.orchestration.asset.surroundings import published_root
    from backfill_assets.web.console import Console

    return Console(session.tables, session.runner, session.lake, published_root(), access)


def _listening(host: str, port: int) -> socket.socket:
    """The socket, taken before anything is loaded further, so that a port that is taken is told in a sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        why = (error.strerror or type(error).__name__).lower()
        raise PortTaken(host, port, why) from error
    return listening


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
