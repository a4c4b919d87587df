"""What a request is told that isn't let in, in the form that its caller reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope, Send

from api.chat import openai_error
from api.noted import request as noted_request
from api.pages import sign_in_page
from api.problems import described, problem

STATUS = {
    "unauthorized": 401,
    "forbidden": 403,
    "cross_origin": 403,
    "unknown_host": 421,
    "too_many_requests": 429,
    "overloaded": 503,
    "stopping": 503,
}
_OPENAI = ("/v1/chat/", "/v1/models")


@dataclass(frozen=True)
class Refusal:
    """`code`: one of `STATUS`."""

    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shed:
    """Of a request that is sent away so that others are answered. `reason`: for the metrics; `retry_after`: seconds."""

    reason: str
    code: str
    detail: str
    retry_after: int


def refuse(refusal: Refusal, scope: Scope) -> Response:
    """A page where a person asks for a key's, OpenAI's form where its clients ask, else a problem (RFC 9457)."""
    request, status = Request(scope), STATUS[refusal.code]
    response: Response
    if refusal.code == "unauthorized" and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        response = sign_in_page(request)
    elif is_openai(request.url.path):
        response = JSONResponse(openai_error(status, refusal.detail, refusal.code), status)
    else:
        response = problem(request, status, refusal.code, refusal.detail)
    response.headers.update(refusal.headers)
    return response


def is_openai(path: str) -> bool:
    """Whether those who ask there read errors as OpenAI writes them."""
    return path.startswith(_OPENAI)


async def send_away(shed: Shed, scope: Scope, send: Send) -> None:
    request_id = None
    if noted := noted_request.get():
        noted.shed, request_id = shed.reason, noted.request_id
    headers, body = written(shed, is_openai(scope["path"]), request_id)
    await send({"type": "http.response.start", "status": STATUS[shed.code], "headers": headers})
    await send({"type": "http.response.body", "body": body})


def written(shed: Shed, openai: bool, request_id: str | None) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body."""
    status, headers = STATUS[shed.code], {"Retry-After": str(shed.retry_after)}
    response: Response
    if openai:
        response = JSONResponse(openai_error(status, shed.detail, shed.code), status, headers)
    else:
        told = described(status, shed.code, shed.detail, request_id, None).model_dump(exclude_none=True)
        response = JSONResponse(told, status, headers, "application/problem+json")
    return response.raw_headers, bytes(response.body)
