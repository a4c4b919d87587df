"""What a request is told that isn't let in, in the form that its caller reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

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
_ID = b"0123456789abcdef"


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
    elif request.url.path.startswith(_OPENAI):
        response = JSONResponse(openai_error(status, refusal.detail, refusal.code), status)
    else:
        response = problem(request, status, refusal.code, refusal.detail)
    response.headers.update(refusal.headers)
    return response


async def send_away(shed: Shed, scope: Scope, send: Send) -> None:
    """The same for as many as come: written once, as it must cost little."""
    headers, body = _written(shed, scope["path"].startswith(_OPENAI))
    if noted := noted_request.get():
        noted.shed = shed.reason
        body = body.replace(_ID, noted.request_id.encode())
    await send({"type": "http.response.start", "status": STATUS[shed.code], "headers": headers})
    await send({"type": "http.response.body", "body": body})


@cache
def _written(shed: Shed, openai: bool) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
    """Headers and body; the request's id, which is as long, takes the place of `_ID`."""
    status, headers = STATUS[shed.code], {"Retry-After": str(shed.retry_after)}
    response: Response
    if openai:
        response = JSONResponse(openai_error(status, shed.detail, shed.code), status, headers)
    else:
        told = described(status, shed.code, shed.detail, _ID.decode(), None).model_dump(exclude_none=True)
        response = JSONResponse(told, status, headers, "application/problem+json")
    return tuple(response.raw_headers), bytes(response.body)
