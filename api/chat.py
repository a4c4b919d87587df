"""`/v1/chat/completions` and `/v1/models`, for whatever speaks to OpenAI's chat endpoint."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api import schemas
from api.chat_schemas import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatDelta,
    ChatIn,
    ChatMessageOut,
    ChatOut,
    ErrorDetail,
    ErrorOut,
    ModelOut,
    ModelsOut,
)
from api.followup import MOST_CHARACTERS, complete
from api.problems import known_problem
from api.reply import Reply
from api.routes import ServiceDep
from api.service import Service
from retriever.errors import TenkyoError
from retriever.language import detect_language

Mode = Literal["auto", "extractive", "generative"]
MODELS: dict[str, Mode] = {"tenkyo": "auto", "tenkyo-extractive": "extractive", "tenkyo-generative": "generative"}
MOST_TURNS = 10
"""Of a conversation, the newest ones that are looked back at."""


class Refused(Exception):
    """A request that can't be answered, in OpenAI's terms."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None):
        super().__init__(message)
        self.status = status
        self.body = openai_error(status, message, code, param)


def openai_error(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    kind: Literal["server_error", "invalid_request_error"] = (
        "server_error" if status >= 500 else "invalid_request_error"
    )
    return ErrorOut(error=ErrorDetail(message=message, type=kind, param=param, code=code)).model_dump()


class ChatRoute(APIRoute):
    """Errors as OpenAI's clients read them: `{"error": {…}}`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as error:
                return JSONResponse(error.body, error.status)
            except RequestValidationError as error:
                found = error.errors()[0]
                place = ".".join(str(part) for part in found["loc"][1:])
                return JSONResponse(openai_error(400, f"{place or 'body'}: {found['msg']}.", param=place or None), 400)
            except HTTPException as error:
                return JSONResponse(openai_error(error.status_code, str(error.detail)), error.status_code)
            except TenkyoError as error:
                problem = known_problem(error, None)
                body = openai_error(problem.status, problem.detail, problem.code)
                return JSONResponse(body, problem.status, {"Retry-After": "5"} if problem.status == 503 else None)

        return handled


_STATUSES = (400, 401, 404, 408, 413, 429, 503)
_ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorOut} for status in _STATUSES}
router = APIRouter(route_class=ChatRoute, tags=["chat"], responses=_ERRORS)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"itemSchema": {"type": "object", "description": "With `stream`: chunks."}}}}
}


@router.get("/v1/models")
async def models(service: ServiceDep) -> ModelsOut:
    """`tenkyo` writes with the language model where one is configured, and quotes where none is."""
    return ModelsOut(data=[ModelOut(id=name) for name in names_of_models(service)])


@router.get("/v1/models/{name}")
async def model(name: str, service: ServiceDep) -> ModelOut:
    return ModelOut(id=known_model(name, service))


@router.post("/v1/chat/completions", response_model=ChatOut, responses=_STREAM)
async def complete_chat(body: ChatIn, request: Request, service: ServiceDep) -> ChatOut | StreamingResponse:
    """The answer to the last user message, as text with marks and as annotations; `tenkyo` holds all of it."""
    turn = read_turn(body, service, str(request.base_url))
    if body.stream:
        return StreamingResponse(_events(turn, service), media_type="text/event-stream")
    answer = await service.answered(turn.request)
    reply = Reply(turn.base_url, answer.language)
    text = "".join(reply.whole(answer)) + reply.sources(answer, turn.understood)
    message = ChatMessageOut(content=text, annotations=reply.annotations(answer))
    choices = [ChatChoice(message=message)]
    return ChatOut(id=turn.id, created=turn.created, model=turn.model, choices=choices, tenkyo=answer)


@dataclass(frozen=True)
class Turn:
    """What to answer. `understood`: the question in full, where the conversation completed it."""

    id: str
    created: int
    model: str
    base_url: str
    request: schemas.AskIn
    understood: str | None

    def chunk(self, finish: Literal["stop"] | None = None, **delta: Any) -> ChatChunk:
        choice = ChatChunkChoice(delta=ChatDelta(**delta), finish_reason=finish)
        return ChatChunk(id=self.id, created=self.created, model=self.model, choices=[choice])


def read_turn(body: ChatIn, service: Service, base_url: str) -> Turn:
    """Raises `Refused`. System messages, and those of other roles, are not obeyed."""
    name = known_model(body.model, service)
    asked = [message.text.strip() for message in body.messages if message.role == "user"]
    if not asked or not asked[-1]:
        raise Refused(400, "messages: the last user message has no text, or there is none.", None, "messages")
    question = asked[-1]
    if len(question) > MOST_CHARACTERS:
        text = f"messages: the question has {len(question):,} characters; {MOST_CHARACTERS:,} are allowed."
        raise Refused(400, text, "context_length_exceeded", "messages")
    before = [text[:MOST_CHARACTERS] for text in asked[-1 - MOST_TURNS : -1] if text]
    full = complete(question, before, service.retriever.matches)
    understood = full if full != question else None
    language = detect_language(question) if understood else None  # names carried over may be of another one
    request = schemas.AskIn(question=full, mode=MODELS[name], language=language, store=bool(body.store))
    return Turn(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), name, base_url, request, understood)


def names_of_models(service: Service) -> list[str]:
    return [name for name, mode in MODELS.items() if mode != "generative" or service.writer]


def known_model(name: str, service: Service) -> str:
    """Raises `Refused`."""
    known = names_of_models(service)
    if name not in known:
        text = f"The model {name[:80]!r} does not exist. There are: {', '.join(known)}."
        raise Refused(404, text, "model_not_found", "model")
    return name


async def _events(turn: Turn, service: Service) -> AsyncIterator[str]:
    """Server-sent events. An error after the first is one of them, as with OpenAI."""
    try:
        async for chunk in chunks(turn, service):
            yield f"data: {chunk.model_dump_json()}\n\n"
    except TenkyoError as error:
        problem = known_problem(error, None)
        yield f"data: {json.dumps(openai_error(problem.status, problem.detail, problem.code))}\n\n"
    yield "data: [DONE]\n\n"


async def chunks(turn: Turn, service: Service) -> AsyncIterator[ChatChunk]:
    """A chunk a sentence, a language model's as they come; quotes follow the short answer. Annotations come last."""
    yield turn.chunk(role="assistant", content="")
    reply = Reply(turn.base_url, "en")
    async with aclosing(service.events(turn.request)) as events:
        async for event in events:
            if isinstance(event, schemas.RetrievalEvent):
                reply = Reply(turn.base_url, event.language)
            elif isinstance(event, schemas.AnswerOut):
                answer = event
            elif event.support != "verbatim":
                yield turn.chunk(content=reply.sentence(event))
    if reply.text and (answer.mode == "extractive" or answer.abstention):
        yield turn.chunk(content=reply.withdraw())
    if not reply.marks:  # nothing stands yet
        for text in reply.whole(answer):
            yield turn.chunk(content=text)
    yield turn.chunk(content=reply.sources(answer, turn.understood))
    last = turn.chunk("stop", annotations=reply.annotations(answer))
    last.tenkyo = answer
    yield last
