"""The page's own session: a key is sent once, and a cookie that no script reads stands for it from then on."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, SecretStr

from api.access import COOKIE, session_of
from api.keys import SESSION_DAYS, Keys
from api.problems import problem

router = APIRouter(tags=["around"])


class SessionIn(BaseModel):
    """A key, as `tenkyo keys add` showed it."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr


@router.post("/session", status_code=204)
async def open_session(body: SessionIn, request: Request) -> Response:
    """Sets the cookie. It is marked Secure where the request came over https."""
    keys: Keys = request.app.state.keys
    key = keys.find(body.key.get_secret_value().strip())
    if not key:
        return problem(request, 401, "unauthorized", "This key isn't valid: mistyped, revoked, or never made.")
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        keys.open_session(key),
        max_age=SESSION_DAYS * 86_400,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("/session", status_code=204)
async def check_session() -> Response:
    """204 where the session, or the key, is good."""
    return Response(status_code=204)


@router.delete("/session", status_code=204)
async def close_session(request: Request) -> Response:
    keys: Keys = request.app.state.keys
    keys.close_session(session_of(request.headers.get("cookie", "")))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response
