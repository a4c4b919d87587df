"""Routes for whoever runs the service, or writes for it: metrics, and the API's documentation, from this host alone."""

from collections.abc import Iterator
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client.core import GaugeMetricFamily
from starlette.staticfiles import StaticFiles

from api.holder import Holder
from api.metrics import MEDIA_TYPE, Metrics, gauge
from api.pages import POLICY, WEB
from api.uploads import Uploads
from retriever.errors import TenkyoError

router = APIRouter(tags=["around"])
DOCS_POLICY = POLICY.replace("img-src 'self'", "img-src 'self' data:")
"""Swagger UI draws its icons from its own style sheet."""


def docs_files() -> StaticFiles:
    """Swagger UI as the package brings it: FastAPI's own page would load it from another host."""
    return StaticFiles(directory=str(files("fastapi_offline") / "static"))


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    return HTMLResponse((WEB / "docs.html").read_text("utf-8"), headers={"Content-Security-Policy": DOCS_POLICY})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """For Prometheus: requests, stages and answers of all workers, and the index as it is now."""
    found: Metrics = request.app.state.metrics
    state = _state(request.app.state.holder, request.app.state.uploads)
    return Response(found.exposition(list(state)), media_type=MEDIA_TYPE)


def _state(holder: Holder, uploads: Uploads) -> Iterator[GaugeMetricFamily]:
    waiting = sum(entry.status == "processing" for entry in uploads.library.entries())
    yield gauge("tenkyo_documents_waiting", "Documents that wait to be taken in, or are.", waiting)
    try:
        index = holder.current().index
    except TenkyoError:  # the log and /readyz say what is wrong
        yield gauge("tenkyo_index_usable", "Whether there is an index that answers.", 0)
        return
    yield gauge("tenkyo_index_usable", "Whether there is an index that answers.", 1)
    yield gauge("tenkyo_index_info", "The generation that answers.", 1, generation=index.generation)
    yield gauge("tenkyo_documents", "Documents in the index.", len(index.passage_counts))
    yield gauge("tenkyo_passages", "Passages in the index.", sum(index.passage_counts.values()))
