"""Errors as RFC 9457 `application/problem+json`: one place maps the program's exceptions to HTTP."""

import errno
import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.citations.quotes import UnprovenCitation
from api.draining import Stopping
from api.kept import KeptAnswersFailed
from api.keys import KeysDamaged
from api.schemas import ProblemOut
from retriever import errors

log = logging.getLogger("tenkyo")

STATUS: dict[type[errors.TenkyoError], tuple[int, str]] = {
    errors.BadFilter: (422, "bad_filter"),
    errors.NotFound: (404, "not_found"),
    errors.IndexBusy: (503, "index_busy"),
    errors.IndexMissing: (503, "no_index"),
    errors.IndexDamaged: (503, "index_damaged"),
    errors.IndexMismatch: (503, "index_mismatch"),
    errors.StoreUnreachable: (503, "store_unreachable"),
    errors.StoreFull: (503, "store_full"),
    errors.StoreRefused: (503, "store_refused"),
    errors.LibraryDamaged: (503, "library_damaged"),
    KeptAnswersFailed: (503, "kept_answers_failed"),
    KeysDamaged: (503, "keys_damaged"),
    UnprovenCitation: (503, "citation_unproven"),
    Stopping: (503, "stopping"),
}
_REFUSED = {"too_large": 413, "unknown_format": 415}
_DISK = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM)
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 413: "too_large"}


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    found: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    return _respond(described(status, code, detail, request_id(request), found), headers)


def known_problem(error: errors.TenkyoError, request_id: str | None) -> ProblemOut:
    """What an error of the program's own means over HTTP."""
    status, code = next((found for kind, found in STATUS.items() if isinstance(error, kind)), (500, "internal_error"))
    if isinstance(error, errors.SourceRefused):
        status, code = _REFUSED.get(error.code, 422), error.code
    pointer = getattr(error, "pointer", None)
    found = [{"pointer": pointer, "detail": str(error)}] if pointer else None
    return described(status, code, str(error), request_id, found)


def request_id(request: Request) -> str | None:
    found: str | None = getattr(request.state, "request_id", None)
    return found


def described(
    status: int, code: str, detail: str, request_id: str | None, found: list[dict[str, str]] | None
) -> ProblemOut:
    phrase = HTTPStatus(status).phrase
    return ProblemOut(
        type="about:blank", title=phrase, status=status, detail=detail, code=code, request_id=request_id, errors=found
    )


def _respond(body: ProblemOut, headers: Mapping[str, str] | None = None) -> JSONResponse:
    told = {**(headers or {}), **({"Retry-After": "5"} if body.status == 503 else {})}
    return JSONResponse(body.model_dump(exclude_none=True), body.status, told, media_type="application/problem+json")


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(errors.TenkyoError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sqlite3.Error, _unreadable)
    app.add_exception_handler(OSError, _unwritable)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.TenkyoError)
    return _respond(known_problem(error, request_id(request)))


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    """Passages that were whole when the index was opened."""
    log.error("request %s: the index can't be read: %s", request_id(request), error)
    detail = "The index can't be read. Run `tenkyo doctor`: it says what is damaged."
    return problem(request, 503, "index_damaged", detail)


async def _unwritable(request: Request, error: Exception) -> JSONResponse:
    """A disk that is full, or read-only: what only reads goes on."""
    assert isinstance(error, OSError)
    if error.errno not in _DISK:
        return await unexpected(request, error)
    log.error("request %s: %s", request_id(request), error)
    detail = f"Nothing can be written: {(error.strerror or '').lower()}. Questions are answered all the same."
    return problem(request, 503, "disk_failed", detail)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """422 with a pointer per bad field; 400 where the body is no JSON at all."""
    assert isinstance(error, RequestValidationError)
    if any(e["type"] == "json_invalid" for e in error.errors()):
        place = next(e["loc"][-1] for e in error.errors() if e["type"] == "json_invalid")
        return problem(
            request,
            400,
            "invalid_json",
            f"The body is no valid JSON: it breaks off or goes wrong at character {place}.",
        )
    if not _is_json(request) and any(e["loc"] == ("body",) for e in error.errors()):
        return problem(request, 415, "unsupported_media_type", "Send JSON, with content-type: application/json.")
    found = [{"pointer": _pointer(e["loc"]), "detail": _detail(e)} for e in error.errors()]
    return problem(request, 422, "invalid_request", "; ".join(f"{f['pointer']}: {f['detail']}" for f in found), found)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901, into the body or the query."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location[1:])


def _detail(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "this field is not known; see /docs for the fields that are"
    given = error.get("input")
    shown = "" if given is None or isinstance(given, dict | list) else f" (given: {str(given)[:80]!r})"
    return f"{error['msg']}{shown}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == 400 and request.headers.get("content-type", "").startswith("multipart/"):
        return problem(request, 400, "invalid_multipart", "The body is no multipart form: it breaks off or goes wrong.")
    if error.status_code == 400:
        return problem(request, 400, "invalid_json", "The body is no JSON text in UTF-8.")
    if error.status_code == 404 and detail == "Not Found":
        detail = f"There is nothing at {request.url.path}. See /docs."
    if error.status_code == 405:
        detail = f"{request.method} is not allowed at {request.url.path}. See /docs."
    code = _CODES.get(error.status_code, "http_error")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(request, error.status_code, code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """The methods of every route at this path; the framework names those of the first."""
    wanted = ({**request.scope, "method": method} for method in _METHODS)
    taken = (s["method"] for s in wanted if any(r.matches(s)[0] == Match.FULL for r in request.app.routes))
    return ", ".join(taken)


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """What reached the outermost layer."""
    if isinstance(error, errors.TenkyoError):
        return await _known(request, error)
    log.error("request %s failed", request_id(request), exc_info=error)
    return problem(
        request,
        500,
        "internal_error",
        "Something went wrong here. The server's log has the details under this request id.",
    )
