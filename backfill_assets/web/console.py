"""The console as an application: published files as they are, corrections as they stand, decisions as forms."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from backfill_assets.errors.base import BackfillAssetsError, BadInput
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.errors.web import PageFailed, TooManyFollow
from backfill_assets.orchestration.asset.table_definition import TableDefinition, records_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.pages.places import EXPOSURE, EXPOSURE_ROWS
from backfill_assets.web import views
from backfill_assets.web.deciding import Desk
from backfill_assets.web.decisions import Decision, named
from backfill_assets.web.following import Following
from backfill_assets.web.forms import read_form
from backfill_assets.web.published import PublishedFiles
from backfill_assets.web.requests import COOKIE, Access, Guarded, body_of, session_of

LOG = logging.getLogger(__name__)
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

    @cached_property
    def following(self) -> Following:
        """The pages that are open."""
        return Following(self.desk.sequence)

    @cached_property
    def files(self) -> PublishedFiles:
        """What is published."""
        return PublishedFiles(directory=self.published, html=True, check_dir=False)

    @cached_property
    def deciding(self) -> anyio.Lock:
        """Whose turn it is: whoever waits for it holds no thread that others read pages with."""
        return anyio.Lock()

    def application(self) -> Starlette:
        """The application, for any ASGI server."""
        correction = "/corrections/{correction:str}/"
        routes = [
            Route("/", self._told(self.index)),
            Route("/console.js", self.script),
            Route(correction, self._told(self.correction)),
            Route(f"{correction}index.html", self._told(self.correction)),
            Route(f"{correction}{EXPOSURE}", self._told(self.exposure)),
            Route(f"{correction}{EXPOSURE_ROWS}", self._told(self.exposure)),
            Route(f"{correction}events", self._told(self.events)),
            Route(f"{correction}decide/{{decision:str}}", self._told(self.form)),
            Route(f"{correction}decide/{{decision:str}}", self._told(self.decide), methods=["POST"]),
            Route("/corrections/", self._told(self.index)),
            Route("/corrections/index.html", self._told(self.index)),
            Route("/corrections/{correction:str}", self._told(self.beside)),
            Mount("/", self.files),
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

    async def exposure(self, request: Request) -> Response:
        """Who has seen the wrong numbers of a correction, as a page or as comma separated values."""
        wanted, as_csv = request.path_params["correction"], request.url.path.endswith(EXPOSURE_ROWS)
        told = await run_sync(lambda: views.exposed(self.desk, wanted, as_csv=as_csv))
        return Response(told, media_type="text/csv") if as_csv else self._shown(request, told)

    async def events(self, request: Request) -> Response:
        """A stream that says, whenever the ledger moves, that it has."""
        wanted = request.path_params["correction"]
        moves, headers = await self.following.begin(wanted), {"X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=headers)
        return StreamingResponse(moves, media_type="text/event-stream", headers=headers)

    async def beside(self, request: Request) -> Response:
        """What is published beside the corrections, else the way to one, for whoever leaves out the last stroke."""
        wanted = request.path_params["correction"]
        try:
            return await self.files.get_response(f"corrections/{wanted}", request.scope)
        except HTTPException:
            return RedirectResponse(f"/corrections/{quote(wanted, safe='')}/", HTTPStatus.TEMPORARY_REDIRECT)

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
        async with self.deciding:
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
            secure = self.access.is_over_tls(request)
            answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=secure)
        return answer

    def _told(self, endpoint: Answer) -> Answer:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except BackfillAssetsError as error:
                return self._refused(request, error)
            except (HTTPException, ClientDisconnect):
                raise
            except Exception as error:
                LOG.exception("%s %s could not be answered.", request.method, request.url.path)
                return self._refused(request, PageFailed(error, decides=request.method == "POST"))

        return answered

    def _refused(self, request: Request, error: BackfillAssetsError) -> Response:
        wanted = request.path_params.get("correction", "")
        status = next(status for kinds, status in STATUSES if isinstance(error, kinds))
        return HTMLResponse(views.refusal(error, wanted), status)


STATUSES: tuple[tuple[tuple[type[BackfillAssetsError], ...], HTTPStatus], ...] = (
    ((CorrectionUnknown,), HTTPStatus.NOT_FOUND),
    ((PageFailed, TooManyFollow), HTTPStatus.SERVICE_UNAVAILABLE),
    ((BadInput,), HTTPStatus.UNPROCESSABLE_ENTITY),
    ((BackfillAssetsError,), HTTPStatus.CONFLICT),
)


def _decision(request: Request) -> Decision:
    found = named(request.path_params["decision"])
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


async def _not_there(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    headers = error.headers if isinstance(error, HTTPException) else None
    return HTMLResponse(views.nothing_there(), status, headers)
