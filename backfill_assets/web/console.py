"""The console as an application: published files as they are, corrections as they stand, decisions as forms."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from backfill_assets.errors.base import BackfillAssetsError, BadInput
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.orchestration.asset.table_definition import TableDefinition, records_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.web import views
from backfill_assets.web.deciding import Desk
from backfill_assets.web.decisions import Decision, named
from backfill_assets.web.forms import read_form
from backfill_assets.web.requests import COOKIE, Access, Guarded, body_of, session_of

LOOKS_EVERY = 1.0
"""Seconds between two looks at the ledger for a page that is open."""
SAYS_EVERY = 15
"""Looks after which an open page is told that nothing happened, so that a connection that is gone is noticed."""

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Console:
    """What the console shows and decides about.

    ``tables`` are the correctable tables of the code location, ``runner`` runs their jobs in this process, one at a
    time, and ``published`` is the folder of pages and files for readers.
    """

    tables: Mapping[str, TableDefinition]
    runner: Runner
    lake: LakeResource
    published: Path
    access: Access = field(default_factory=Access)

    @cached_property
    def desk(self) -> Desk:
        """Where decisions are taken."""
        return Desk(self.tables, self.runner, self.lake)

    def application(self) -> Starlette:
        """The application, for any ASGI server."""
        correction = "/corrections/{correction:str}/"
        routes = [
            Route("/", self._told(self.index)),
            Route("/console.js", self.script),
            Route(correction, self._told(self.correction)),
            Route(f"{correction}index.html", self._told(self.correction)),
            Route(f"{correction}events", self._told(self.events)),
            Route(f"{correction}decide/{{decision:str}}", self._told(self.form), methods=["GET"]),
            Route(f"{correction}decide/{{decision:str}}", self._told(self.decide), methods=["POST"]),
            Mount("/", StaticFiles(directory=self.published, html=True, check_dir=False)),
        ]
        guarded = Middleware(Guarded, access=self.access)
        return Starlette(routes=routes, middleware=[guarded], exception_handlers={HTTPException: _not_there})

    async def index(self, request: Request) -> Response:
        """Every correction, in three lists."""
        page = await run_sync(lambda: views.index(records_of(self.tables, self.lake), self.lake.now(), self.published))
        return self._shown(request, page)

    async def correction(self, request: Request) -> Response:
        """One correction as it stands."""
        wanted = request.path_params["correction"]
        return self._shown(request, await run_sync(lambda: views.correction(self.desk, wanted, self.published)))

    async def events(self, request: Request) -> Response:
        """A stream that says, whenever the ledger moves, that it has."""
        wanted = request.path_params["correction"]
        first = await run_sync(lambda: self.desk.sequence(wanted))
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._moves(wanted, first), media_type="text/event-stream", headers=headers)

    async def _moves(self, correction: str, last: int) -> AsyncIterator[str]:
        yield f"retry: 3000\nevent: standing\ndata: {last}\n\n"
        quiet = 0
        while True:
            await anyio.sleep(LOOKS_EVERY)
            now = await run_sync(lambda: self.desk.sequence(correction))
            if now != last:
                last, quiet = now, 0
                yield f"event: moved\ndata: {now}\n\n"
            elif (quiet := quiet + 1) % SAYS_EVERY == 0:
                yield ": nothing happened\n\n"

    async def form(self, request: Request) -> Response:
        """The form of a decision, with what it would change."""
        wanted, decision = request.path_params["correction"], _decision(request)
        session = session_of(request.cookies) or views.new_session()
        person = self.access.person(request, "")
        page = await run_sync(lambda: views.form(self.desk, self.access, wanted, decision, session, person))
        return self._shown(request, page, session)

    async def decide(self, request: Request) -> Response:
        """A form that was sent: shown once more to be confirmed, and then taken."""
        wanted, decision = request.path_params["correction"], _decision(request)
        self.access.refuse_foreign(request)
        given, session = read_form(await body_of(request)), session_of(request.cookies)
        signed = replace(given, by=self.access.person(request, given.by))
        done = await run_sync(lambda: self.desk.take(self.access.secret, session, wanted, decision, signed))
        if done:
            return RedirectResponse(f"/corrections/{wanted}/", HTTPStatus.SEE_OTHER)
        return self._shown(request, await run_sync(lambda: views.confirmation(self.desk, wanted, decision, signed)))

    async def script(self, _request: Request) -> Response:
        """What makes an open page follow the ledger."""
        return Response(views.script(), media_type="text/javascript")

    def _shown(self, request: Request, page: str, session: str = "") -> Response:
        answer = HTMLResponse(page)
        if session and session != session_of(request.cookies):
            secure = request.url.scheme == "https"
            answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=secure)
        return answer

    def _told(self, endpoint: Answer) -> Answer:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except BackfillAssetsError as error:
                status = (
                    HTTPStatus.NOT_FOUND
                    if isinstance(error, CorrectionUnknown)
                    else HTTPStatus.UNPROCESSABLE_ENTITY
                    if isinstance(error, BadInput)
                    else HTTPStatus.CONFLICT
                )
                return HTMLResponse(views.refusal(error, request.path_params.get("correction", "")), status)

        return answered


def _decision(request: Request) -> Decision:
    found = named(request.path_params["decision"])
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


async def _not_there(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return HTMLResponse(views.nothing_there(), status)
