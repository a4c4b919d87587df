"""What a request is told that isn't let in, in the form that its caller reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

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
_ID = "{request_id}"


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


def send_away(shed: Shed, scope: Scope) -> Response:
    """The same for as many as come: made once, as it must cost little."""
    body, kind = _written(shed, scope["path"].startswith(_OPENAI))
    if noted := noted_request.get():
        noted.shed = shed.reason
        body = body.replace(_ID, noted.request_id)
    return Response(body, STATUS[shed.code], {"Retry-After": str(shed.retry_after)}, kind)


@cache
def _written(shed: Shed, openai: bool) -> tuple[str, str]:
    """The body, but for the request's id, and its kind."""
    status = STATUS[shed.code]
    if openai:
        return json.dumps(openai_error(status, shed.detail, shed.code)), "application/json"
    body = described(status, shed.code, shed.detail, _ID, None)
    return body.model_dump_json(exclude_none=True), "application/problem+json"
