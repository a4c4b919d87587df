"""The application: `create_app(settings)` builds it, nothing is loaded before it starts."""

import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import chat, documents, pages, tools
from api.problems import add_problem_handlers
from api.routes import router
from api.schemas import ProblemOut
from api.service import Service, ServiceHolder
from api.settings import Settings
from api.uploads import Uploads
from retriever.errors import IndexDamaged, IndexMismatch, IndexMissing

VERSION = "0.1.0"
DESCRIPTION = "Answers about China's AI sector from Japanese reports, each quote checked against its place in a source."
log = logging.getLogger("tenkyo")
_FORM_BYTES = 65_536
"""What an upload's form may have besides the file."""
_PROBLEMS = (400, 404, 413, 415, 422, 503)


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """`service`: for tests; left out, it is opened from the settings when the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        holder = app.state.holder = ServiceHolder(settings, service)
        with suppress(IndexMissing, IndexDamaged, IndexMismatch):  # logged; /readyz and each request say it
            holder.current()
        uploads = app.state.uploads = Uploads(settings)
        uploads.start()
        async with tools.open_sessions(holder.current, settings.most_body_bytes) as app.state.mcp:
            yield
        await uploads.stop()
        holder.close()

    schema = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    app = FastAPI(
        title="Tenkyo",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        responses={status: {"description": "RFC 9457 problem", "content": schema} for status in _PROBLEMS},
    )
    app.include_router(router)
    for own in (documents, chat, pages):
        app.include_router(own.router)
    app.mount("/web", pages.static)
    app.router.routes.append(Route("/mcp", tools.Endpoint()))
    app.add_middleware(BodyLimit, most=settings.most_body_bytes, most_upload=settings.most_upload_bytes + _FORM_BYTES)
    add_problem_handlers(app)

    @app.middleware("http")
    async def name(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Every request has an id, which errors and the response's header carry."""
        request.state.request_id = secrets.token_hex(8)
        response = await call_next(request)
        response.headers["X-Request-ID"] = request.state.request_id
        return response

    return app


class BodyLimit:
    """Counts a body as it comes, with a stated length or without, and breaks off over the limit."""

    def __init__(self, app: ASGIApp, most: int, most_upload: int):
        self.app = app
        self.most = most
        self.most_upload = most_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        uploads = scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/v1/documents")
        most = self.most_upload if uploads else self.most

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, f"The body is too large: {most} bytes are allowed.")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)
