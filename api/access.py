"""Who may do what: one table of rules, and the layer that holds every request to it before its body is read."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from api.keys import Key, Keys, Scope
from api.names import is_loopback, name_of
from api.noted import Noted
from api.noted import request as noted_request
from api.rates import Rates
from api.refusals import Refusal, refuse

Need = Scope | Literal["open", "probe"]
"""`open`: no key; `probe`: nor the right host or rate, for whatever watches over the process."""
COOKIE = "tenkyo_session"
RULES: Mapping[str, Mapping[str, Need]] = {
    "/healthz": {"GET": "probe"},
    "/readyz": {"GET": "probe"},
    "/web": {"*": "open"},
    "/session": {"POST": "open", "GET": "read", "DELETE": "open"},
    "/": {"GET": "read"},
    "/lookup": {"GET": "read"},
    "/library": {"GET": "read"},
    "/history": {"GET": "read"},
    "/documents/{doc_id}": {"GET": "read"},
    "/docs": {"GET": "read", "HEAD": "read"},
    "/docs/files": {"*": "read"},
    "/openapi.json": {"GET": "read", "HEAD": "read"},
    "/metrics": {"GET": "read"},
    "/mcp": {"*": "read"},
    "/v1/search": {"POST": "read"},
    "/v1/ask": {"POST": "read"},
    "/v1/answers": {"GET": "read"},
    "/v1/answers/{answer_id}": {"GET": "read", "DELETE": "write"},
    "/v1/answers/{answer_id}/export": {"GET": "read"},
    "/v1/citations/lookup": {"POST": "read"},
    "/v1/documents": {"GET": "read", "POST": "write"},
    "/v1/documents/{doc_id}": {"GET": "read", "DELETE": "admin"},
    "/v1/documents/{doc_id}/source": {"GET": "read"},
    "/v1/documents/{doc_id}/passages": {"GET": "read"},
    "/v1/passages/{passage_id}": {"GET": "read"},
    "/v1/models": {"GET": "read"},
    "/v1/models/{name}": {"GET": "read"},
    "/v1/chat/completions": {"POST": "read"},
}
"""Of every route and method (`*`: all). `read` changes nothing but the asker's own kept answers, `write` adds
documents and forgets answers, `admin` takes documents out, which nobody can undo."""
_UNCOUNTED = frozenset({"/web", "/docs/files"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NoRule(Exception):
    """A route stands in the application but not in `RULES`: nobody would know who may use it."""


@dataclass(frozen=True)
class Ruled:
    """A route with its rules; `pattern` is the one that the router matches paths by."""

    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str] | None
    needs: Mapping[str, Need]

    def need(self, method: str) -> Need:
        return self.needs.get(method) or self.needs["*"]

    def takes(self, method: str) -> bool:
        return self.methods is None or method in self.methods


def ruled(routes: Iterable[BaseRoute]) -> tuple[Ruled, ...]:
    """Every route, in the router's order. Raises `NoRule`."""
    return tuple(_ruled(context) for context in iter_route_contexts(list(routes)))


def _ruled(context: Any) -> Ruled:
    path, methods = context.path, context.methods
    needs = RULES.get(path)
    if needs is None or ("*" not in needs and (methods is None or not methods <= needs.keys())):
        raise NoRule(f"{path} ({', '.join(sorted(methods or ['any method']))}): api/access.py has no rule for it.")
    pattern = compile_path(path + "/{path:path}" if context.endpoint is None else path)[0]
    return Ruled(path, pattern, methods and frozenset(methods), needs)


def described(openapi: Callable[[], dict[str, Any]], routes: Iterable[Ruled]) -> dict[str, Any]:
    """The OpenAPI document, with the scope that each operation needs."""
    schema = openapi()
    bearer = {"type": "http", "scheme": "bearer", "description": "`tenkyo keys add`; needed once there is a key."}
    schema["components"]["securitySchemes"] = {"bearer": bearer}
    needs = {route.path: route.needs for route in routes}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            need = needs[path][method.upper()]
            operation["security"] = [] if need in ("open", "probe") else [{"bearer": []}]
            operation["x-scope"] = need
    return schema


class Routes:
    """The rules of an application's routes, found by method and path."""

    def __init__(self, routes: Sequence[Ruled]):
        self._routes = routes
        self._found = {(method, route.path): self._scan(method, route.path) for route in routes for method in _METHODS}

    def rule(self, method: str, path: str) -> tuple[str, Need]:
        """The route's own path, `other` where there is none, and what it needs."""
        return self._found.get((method, path)) or self._scan(method, path)

    def route_of(self, method: str, path: str) -> str:
        return self.rule(method, path)[0]

    def _scan(self, method: str, path: str) -> tuple[str, Need]:
        """As the router does. Where it finds nothing there is only a 404 or a 405 to be had."""
        matching = [route for route in self._routes if route.pattern.match(path)]
        for route in matching:
            if route.takes(method):
                return route.path, route.need(method)
        return (matching[0].path if matching else "other"), "read"


class Guard:
    """Pure ASGI. Host, origin, key, scope and rate, in this order; refuses with a problem.

    `names`: under which the service is reached, besides this machine's own.
    """

    def __init__(self, app: ASGIApp, routes: Routes, keys: Keys, rates: Rates, names: frozenset[str]):
        self.app = app
        self.routes = routes
        self.keys = keys
        self.rates = rates
        self.names = names

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            path, need = self.routes.rule(scope["method"], scope["path"])
            noted = noted_request.get()
            if noted:
                noted.route = path
            if refusal := self._refusal(scope, path, need, noted):
                await refuse(refusal, scope)(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    def _refusal(self, scope: Asked, path: str, need: Need, noted: Noted | None) -> Refusal | None:
        if need == "probe":
            return None
        headers = dict(reversed(scope["headers"]))  # of a header that comes twice the first counts, as for the routes
        if refusal := self._wrong_place(scope, headers):
            return refusal
        if not self.keys.required():
            return None
        key = self._key(headers)
        if noted and key:
            noted.key_id = key.key_id
        return self._too_often(scope, path, key) or _not_allowed(key, need)

    def _wrong_place(self, scope: Asked, headers: Mapping[bytes, bytes]) -> Refusal | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name, server = name_of(host), scope.get("server")
        if not (is_loopback(name) or name in self.names or (server and name == server[0])):
            return Refusal("unknown_host", f"{name[:80]!r} is no name of this service. See TENKYO_HOSTS in README.md.")
        if scope["method"] in _SAFE:
            return None
        if site := headers.get(b"sec-fetch-site"):  # a browser's own word; it knows of proxies that change Host
            same = site in (b"same-origin", b"none")
        else:
            origin = headers.get(b"origin", b"").decode("latin-1").lower()
            same = not origin or origin.partition("://")[2] == host
        return None if same else Refusal("cross_origin", "A page of another origin may not do this.")

    def _key(self, headers: Mapping[bytes, bytes]) -> Key | None:
        """A key counts more than a session: who sends one means it."""
        if authorization := headers.get(b"authorization"):
            kind, _, token = authorization.decode("latin-1").partition(" ")
            return self.keys.find(token.strip()) if kind.lower() == "bearer" else None
        cookie = session_of(headers.get(b"cookie", b"").decode("latin-1"))
        return self.keys.session(cookie) if cookie else None

    def _too_often(self, scope: Asked, path: str, key: Key | None) -> Refusal | None:
        """Per key with its sessions; per address for whoever has none."""
        if path in _UNCOUNTED:
            return None
        client = scope.get("client")
        seconds = self.rates.spend(f"key {key.key_id}" if key else f"address {client[0] if client else ''}")
        if seconds is None:
            return None
        told = f"{self.rates.per_minute} requests a minute are allowed. Try again in {seconds} s."
        return Refusal("too_many_requests", told, {"Retry-After": str(seconds)})


_METHODS = ("GET", "HEAD", "POST", "DELETE")


def _not_allowed(key: Key | None, need: Need) -> Refusal | None:
    if need == "open" or need == "probe":  # spelt out for the type checker
        return None
    if not key:
        told = "A key is needed: Authorization: Bearer … (`tenkyo keys add`). There is none, or it isn't valid."
        return Refusal("unauthorized", told, {"WWW-Authenticate": 'Bearer realm="tenkyo"'})
    if not key.may(need):
        return Refusal("forbidden", f"This needs a key of scope {need}; this one has {key.scope}.")
    return None


def session_of(cookies: str) -> str:
    """The session's token among a request's cookies; empty where there is none."""
    for cookie in cookies.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
