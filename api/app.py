"""The application: `create_app(settings)` builds it, nothing is loaded before it starts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from api import around, chat, documents, pages, sessions
from api.access import Guard, Routes, described, ruled
from api.admission import Gate, Queue
from api.agents import Endpoint, agents
from api.bodies import Bodies
from api.door import Door
from api.draining import Traffic, drained
from api.holder import Given, ServiceHolder
from api.keys import Keys
from api.metrics import Metrics
from api.observed import Observed
from api.problems import add_problem_handlers
from api.rates import Rates
from api.routes import router
from api.schemas import ProblemOut
from api.service import Service
from api.settings import Settings
from api.uploads import Uploads

VERSION = "0.1.0"
DESCRIPTION = "Answers about China's AI sector from Japanese reports, each quote checked against its place in a source."
_PROBLEMS = (400, 401, 403, 404, 408, 413, 415, 421, 422, 429, 503)


def create_app(settings: Settings, service: Service | None = None, first: Service | None = None) -> FastAPI:
    """`service`: the only one there is to be (for tests). `first`: one that is open already; later generations of the
    index follow it. With neither, it is opened from the settings when the application starts."""
    traffic = Traffic()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        holder = app.state.holder = Given(service) if service else ServiceHolder(settings, first)
        uploads = app.state.uploads = Uploads(settings)
        uploads.start()
        async with drained(traffic), agents(holder.current, settings.most_body_bytes) as app.state.agents:
            yield {"metrics": metrics, "door": door}
        await uploads.stop()
        holder.close()
        keys.close()
        rates.close()

    schema = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    app = FastAPI(
        title="Tenkyo",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={status: {"description": "RFC 9457 problem", "content": schema} for status in _PROBLEMS},
    )
    app.include_router(router)
    for own in (documents, chat, pages, sessions, around):
        app.include_router(own.router)
    app.mount("/web", pages.static)
    app.mount("/docs/files", around.docs_files())
    app.router.routes.append(Route("/mcp", Endpoint()))
    add_problem_handlers(app)

    keys = app.state.keys = Keys(settings.keys)
    rates = Rates(settings.rate_per_minute)
    metrics = app.state.metrics = Metrics()
    routes = ruled(app.routes)
    app.openapi = partial(described, app.openapi, routes)  # type: ignore[method-assign]
    found, queue = Routes(routes), Queue(settings.most_waiting, traffic, metrics)
    door = Door(queue, found.route_of, metrics)
    app.add_middleware(Gate, queue=queue)
    app.add_middleware(Bodies, most=settings.most_body_bytes, most_upload=settings.most_upload_bytes)
    app.add_middleware(Guard, routes=found, keys=keys, rates=rates, names=settings.names)
    app.add_middleware(Observed, metrics=metrics, traffic=traffic)
    app.state.traffic = traffic
    return app
