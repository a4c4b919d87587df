"""The application: `create_app(settings)` builds it, nothing is loaded before it starts."""

import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from api.problems import add_problem_handlers, problem
from api.routes import router
from api.schemas import ProblemOut
from api.service import Service, open_service
from api.settings import Settings
from retriever.errors import IndexDamaged, IndexMismatch, IndexMissing

VERSION = "0.1.0"
DESCRIPTION = "Answers about China's AI sector from Japanese reports, each quote checked against its place in a source."
log = logging.getLogger("tenkyo")
_PROBLEMS = (400, 404, 413, 422, 503)


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """`service`: for tests; left out, it is opened from the settings when the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service, app.state.unready = _open(settings, service)
        yield
        if app.state.service and service is None:
            app.state.service.close()

    app = FastAPI(
        title="Tenkyo",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        responses={status: {"model": ProblemOut, "description": "application/problem+json"} for status in _PROBLEMS},
    )
    app.include_router(router)
    add_problem_handlers(app)

    @app.middleware("http")
    async def limit_and_name(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Every request has an id, which errors carry and the response's header; too large a body is refused."""
        request.state.request_id = secrets.token_hex(8)
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) <= settings.most_body_bytes:
            response = await call_next(request)
        else:
            detail = f"The body has {length} bytes; {settings.most_body_bytes} are allowed."
            response = problem(request, 413, "too_large", detail)
        response.headers["X-Request-ID"] = request.state.request_id
        return response

    return app


def _open(settings: Settings, service: Service | None) -> tuple[Service | None, Exception | None]:
    """The service, or why there is none: the process then lives, and says so at /readyz and on each request."""
    try:
        service = service or open_service(settings)
    except (IndexMissing, IndexDamaged, IndexMismatch) as error:
        log.error("%s", error)
        return None, error
    service.warm_up()
    return service, None
