"""The routes. `async def`, and short: a search takes a few milliseconds."""

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from api import schemas
from api.draining import Stopping
from api.export import MEDIA_TYPES
from api.holder import Holder
from api.problems import known_problem, request_id
from api.responses import passage_out
from api.service import Event, Service
from retriever.errors import BadFilter, TenkyoError

router = APIRouter()
T = TypeVar("T")


async def holder_of(request: Request) -> Holder:
    holder: Holder = request.app.state.holder
    return holder


async def open_service_of(request: Request) -> Service:
    """The service on the newest generation of the index. Raises what kept one from being opened.

    The routes that have to be fast call it themselves: as a dependency it costs 2% of a search.
    """
    return (await holder_of(request)).current()


HolderDep = Annotated[Holder, Depends(holder_of)]
ServiceDep = Annotated[Service, Depends(open_service_of)]
PageDep = Annotated[schemas.PageIn, Query()]
ExportDep = Annotated[schemas.ExportIn, Query()]


@router.post("/v1/search", tags=["retrieval"])
async def search(body: schemas.SearchIn, request: Request) -> schemas.SearchOut:
    """Passages that match a query, best first."""
    return (await open_service_of(request)).search(body)


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {
                "itemSchema": {  # of each event, as OpenAPI 3.2 says it and FastAPI writes it for its own streams
                    "type": "object",
                    "required": ["event", "data"],
                    "properties": {
                        "event": {"enum": ["retrieval", "sentence", "done", "error"]},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                    "description": "With `stream`: events `retrieval` (RetrievalEvent), `sentence` (SentenceOut), then "
                    "`done` (AnswerOut) or `error` (ProblemOut), each with one JSON object as its data.",
                    "x-events": {
                        "retrieval": schemas.RetrievalEvent.model_json_schema(),
                        "sentence": {"$ref": "#/components/schemas/SentenceOut"},
                        "done": {"$ref": "#/components/schemas/AnswerOut"},
                        "error": schemas.ProblemOut.model_json_schema(),
                    },
                }
            }
        }
    }
}


@router.post("/v1/ask", tags=["questions"], response_model=schemas.AnswerOut, responses=_EVENTS)
async def ask(body: schemas.AskIn, request: Request) -> schemas.AnswerOut | StreamingResponse:
    """An answer made of quotes, or written from them by a language model where one is configured; or the reason why
    there is none. With `stream`, server-sent events: `retrieval`, `sentence`…, then `done` with the whole answer."""
    service = await open_service_of(request)
    if not body.stream:
        return await service.answered(body)
    events = service.events(body)
    first = await anext(events)  # what is wrong with the request comes up before a stream has begun
    return StreamingResponse(_told(first, events, request), media_type="text/event-stream")


async def _told(first: Event, events: AsyncIterator[Event], request: Request) -> AsyncIterator[str]:
    yield _event(first)
    try:
        async for event in events:
            yield _event(event)
    except TenkyoError as error:
        yield _event(known_problem(error, request_id(request)))


def _event(body: Event | schemas.ProblemOut) -> str:
    return f"event: {_EVENT_NAMES[type(body)]}\ndata: {body.model_dump_json()}\n\n"


_EVENT_NAMES = {
    schemas.RetrievalEvent: "retrieval",
    schemas.SentenceOut: "sentence",
    schemas.AnswerOut: "done",
    schemas.ProblemOut: "error",
}


@router.get("/v1/answers", tags=["questions"])
async def answers(service: ServiceDep, page_in: PageDep) -> schemas.AnswersOut:
    """Kept answers, newest first, with how many of their citations still stand."""
    start = _read_cursor(page_in.cursor) if page_in.cursor else 0
    kept = service.answers(start, page_in.limit + 1)
    following = _cursor(start + page_in.limit) if len(kept) > page_in.limit else None
    return schemas.AnswersOut(answers=kept[: page_in.limit], next_cursor=following)


@router.get("/v1/answers/{answer_id}", tags=["questions"])
async def read_answer(answer_id: str, service: ServiceDep) -> schemas.AnswerOut:
    """A kept answer; each citation's `status` says whether its quote still stands."""
    return service.answer(answer_id)


_PACKS: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}, "description": "A file."}
}


@router.get("/v1/answers/{answer_id}/export", tags=["questions"], response_class=Response, responses=_PACKS)
async def export_answer(answer_id: str, request: Request, service: ServiceDep, wanted: ExportDep) -> Response:
    """A kept answer as an evidence pack: a file with its citations, each checked against today's documents."""
    pack = service.export(answer_id, wanted.format, str(request.base_url))
    headers = {"Content-Disposition": f"attachment; filename={pack.filename}"}
    return Response(pack.content, media_type=pack.media_type, headers=headers)


@router.delete("/v1/answers/{answer_id}", tags=["questions"], status_code=204)
async def delete_answer(answer_id: str, service: ServiceDep) -> Response:
    service.kept.delete(answer_id)
    return Response(status_code=204)


@router.post("/v1/citations/lookup", tags=["citations"])
async def lookup(body: schemas.LookupIn, service: ServiceDep) -> schemas.LookupOut:
    """The places that say just this (`verbatim`), or nearly (`near`)."""
    return service.lookup(body)


@router.get("/v1/documents/{doc_id}/source", tags=["documents"], response_class=PlainTextResponse)
async def source(doc_id: str, service: ServiceDep) -> PlainTextResponse:
    """The source text that all spans point into."""
    return PlainTextResponse(service.index.document(doc_id).text)


@router.get("/v1/documents/{doc_id}/passages", tags=["documents"])
async def passages(doc_id: str, service: ServiceDep, page_in: PageDep) -> schemas.PassagesOut:
    page, following = page_of(service.index.passages_of(doc_id), page_in)
    return schemas.PassagesOut(passages=[passage_out(passage) for passage in page], next_cursor=following)


@router.get("/v1/passages/{passage_id}", tags=["documents"])
async def passage(passage_id: str, service: ServiceDep) -> schemas.PassageOut:
    return passage_out(service.index.passage_by_id(passage_id))


@router.get("/healthz", tags=["around"])
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz", tags=["around"])
async def readyz(request: Request, service: ServiceDep) -> dict[str, str]:
    """There is a usable index; 503 with the reason where there is none. `degraded`: why it isn't the newest."""
    if request.app.state.traffic.stopping:
        raise Stopping
    told = {"degraded": service.degraded} if service.degraded else {}
    return {"status": "ready", "index_generation": service.index.generation, **told}


def page_of(items: Sequence[T], wanted: schemas.PageIn) -> tuple[list[T], str | None]:
    """A page of a list and the cursor of the next one."""
    start = _read_cursor(wanted.cursor) if wanted.cursor else 0
    end = start + wanted.limit
    return list(items[start:end]), _cursor(end) if end < len(items) else None


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _read_cursor(cursor: str) -> int:
    try:
        return max(0, int(base64.urlsafe_b64decode(cursor)))
    except (binascii.Error, ValueError):
        raise BadFilter(f"cursor: {cursor!r} is none of ours. Pass on `next_cursor` as it came.", "/cursor") from None
