"""What a request is told that isn't let in, in the form that its caller reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from api.chat import openai_error
from api.pages import sign_in_page
from api.problems import problem

STATUS = {"unauthorized": 401, "forbidden": 403, "cross_origin": 403, "unknown_host": 421, "too_many_requests": 429}


@dataclass(frozen=True)
class Refusal:
    """`code`: one of `STATUS`."""

    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse(refusal: Refusal, scope: Scope) -> Response:
    """A page where a person asks for a key's, OpenAI's form where its clients ask, else a problem (RFC 9457)."""
    request, status = Request(scope), STATUS[refusal.code]
    response: Response
    if refusal.code == "unauthorized" and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        response = sign_in_page(request)
    elif request.url.path.startswith(("/v1/chat/", "/v1/models")):
        response = JSONResponse(openai_error(status, refusal.detail, refusal.code), status)
    else:
        response = problem(request, status, refusal.code, refusal.detail)
    response.headers.update(refusal.headers)
    return response
