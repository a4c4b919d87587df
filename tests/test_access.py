"""Who may do what: every route with every kind of key; hosts, origins, sessions, rates, headers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.types import Message
from test_api import problem

from api.access import COOKIE, RULES, NoRule, ruled
from api.app import create_app
from api.keys import SCOPES, Keys
from api.settings import Settings

REFUSED = {401, 403, 421, 429}
WHO = ("none", "wrong", "revoked", *SCOPES)
ANY_METHOD = ("POST", "DELETE", "PUT")
"""Of routes that take all; a GET of /mcp would wait for events without end."""
PROBES = ("/healthz", "/readyz")
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/session"), ("DELETE", "/session")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def tokens(home: Path) -> dict[str, str]:
    keys = Keys(home / "keys.sqlite")
    made = {scope: keys.add(scope, scope)[1] for scope in SCOPES}
    revoked, made["revoked"] = keys.add("revoked", "admin")
    keys.revoke(revoked.key_id)
    keys.close()
    return made | {"wrong": made["admin"][:-4] + "AAAA"}


@pytest.fixture(scope="module")
def client(home: Path, tokens: dict[str, str]) -> Iterator[TestClient]:
    """With keys, without an index: who is let in gets 503 from most routes."""
    app = create_app(Settings(home=home, rate_per_minute=0))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Without keys, without an index."""
    app = create_app(Settings(home=tmp_path_factory.mktemp("keyless"), rate_per_minute=1, hosts=NAMES))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def bearer(tokens: dict[str, str], who: str) -> dict[str, str]:
    return {} if who == "none" else {"Authorization": f"Bearer {tokens[who]}"}


def every_route() -> list[tuple[str, str]]:
    """Of the application, those of its OpenAPI document and all others; parameters are filled in."""
    app = create_app(Settings())
    found = {(m.upper(), path) for path, operations in app.openapi()["paths"].items() for m in operations}
    for context in iter_route_contexts(app.routes):
        path = context.path if context.endpoint else f"{context.path}/page.css"
        found |= {(method, path) for method in context.methods or ANY_METHOD}
    return sorted((method, re.sub(r"\{\w+\}", "x", path)) for method, path in found)


def needed(method: str, path: str) -> str:
    """What this test says, told apart from the table: reading needs read; deleting a document needs admin."""
    if (method, path) in OPEN or path.startswith("/web/"):
        return "open"
    if (method, path) == ("DELETE", "/v1/documents/x"):
        return "admin"
    if path.startswith("/v1/documents") and method == "POST":
        return "write"
    return "write" if (method, path) == ("DELETE", "/v1/answers/x") else "read"


@pytest.mark.parametrize(("method", "path"), every_route())
def test_each_route_lets_in_whom_it_should(client: TestClient, tokens: dict[str, str], method: str, path: str) -> None:
    need = needed(method, path)
    for who in WHO:
        client.cookies.clear()
        response = client.request(method, path, headers=bearer(tokens, who))
        if need == "open":
            expected = None
        elif who not in SCOPES:
            expected = 401
        else:
            expected = None if SCOPES.index(who) >= SCOPES.index(need) else 403
        if expected is None:
            assert response.status_code not in REFUSED, (who, response.text)
        else:
            assert response.status_code == expected, (who, response.text)


def test_the_openapi_document_tells_the_scopes(keyless: TestClient) -> None:
    schema = keyless.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            need = needed(method.upper(), re.sub(r"\{\w+\}", "x", path))
            assert operation["security"] == ([] if need == "open" else [{"bearer": []}]), path
            assert operation["x-scope"] == (need if path not in PROBES else "probe")


def test_the_routes_are_those_of_the_table() -> None:
    listed = {context.path for context in iter_route_contexts(create_app(Settings()).routes)}
    assert listed == RULES.keys()


def test_a_route_without_a_rule_builds_no_application() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.get("/v1/search")(lambda: None)
    with pytest.raises(NoRule, match=r"/v1/search \(GET\)"):
        ruled(app.routes)
    other = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    other.get("/v1/secret")(lambda: None)
    with pytest.raises(NoRule, match="/v1/secret"):
        ruled(other.routes)


@pytest.mark.parametrize(
    "path", ["/v1/documents%0A", "/v1/documents/", "//v1/documents", "/V1/documents", "/v1/documents%00"]
)
def test_no_spelling_of_a_path_gets_round_its_rule(client: TestClient, tokens: dict[str, str], path: str) -> None:
    """The router matches `/v1/documents%0A` too: its `$` stands before a last line end."""
    sent = client.post(path, headers=bearer(tokens, "read"), files={"file": b"x"}, follow_redirects=False)
    assert sent.status_code in {403, 404, 307}, sent.text
    assert client.post(path, follow_redirects=False).status_code == 401


def test_a_refusal_is_a_problem_with_what_to_do(client: TestClient, tokens: dict[str, str]) -> None:
    refused = client.post("/v1/search", json={"query": "x"})
    assert "tenkyo keys add" in problem(refused, 401, "unauthorized")["detail"]
    assert refused.headers["www-authenticate"] == 'Bearer realm="tenkyo"'
    forbidden = client.delete("/v1/documents/x", headers=bearer(tokens, "write"))
    assert "scope admin; this one has write" in problem(forbidden, 403, "forbidden")["detail"]
    chat = client.post("/v1/chat/completions", json={})
    assert (chat.status_code, chat.json()["error"]["code"]) == (401, "unauthorized")
    problem(client.get("/nothing"), 401, "unauthorized")


def test_a_body_is_not_read_before_the_key_is(home: Path) -> None:
    """Else anybody could send 20 MiB."""

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/documents", "query_string": b""}
    scope |= {"headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")]}
    assert called(create_app(Settings(home=home)), scope) == 401


def called(app: FastAPI, scope: dict[str, Any], body: bytes | None = None) -> int:
    """The status; where there is no body, it must come without reading one."""
    sent: list[Message] = []

    async def receive() -> Message:
        if body is None:
            pytest.fail("the body was read")
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(app, {"scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)} | scope, receive, send)
    return int(sent[0]["status"])


def test_a_key_that_is_made_while_the_service_runs_closes_it(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path)), base_url="http://localhost") as client:
        assert client.get("/docs").status_code == 200
        key, token = Keys(tmp_path / "keys.sqlite").add("first", "read")
        assert client.get("/docs").status_code == 401
        assert client.get("/docs", headers={"Authorization": f"bearer {token}"}).status_code == 200
        Keys(tmp_path / "keys.sqlite").revoke(key.key_id)
        assert client.get("/docs", headers={"Authorization": f"bearer {token}"}).status_code == 401


def test_damaged_keys_let_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite").write_text("no database" * 1000)
    app = create_app(Settings(home=tmp_path))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        assert str(tmp_path) not in problem(client.get("/v1/documents"), 503, "keys_damaged")["detail"]
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_page_has_a_session_of_its_own(home: Path, tokens: dict[str, str], scheme: str) -> None:
    app = create_app(Settings(home=home))
    with TestClient(app, base_url=f"{scheme}://localhost") as client:
        asked = client.get("/history", params={"lang": "zh"}, headers={"Accept": "text/html,*/*"})
        assert asked.status_code == 401
        assert '<form id="sign-in">' in asked.text
        assert '<html lang="zh-Hans">' in asked.text
        for wrong in ("wrong", "revoked"):
            assert client.post("/session", json={"key": tokens[wrong]}).status_code == 401
        opened = client.post("/session", json={"key": f" {tokens['read']}\n"})
        assert opened.status_code == 204
        cookie = opened.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert ("Secure" in cookie) == (scheme == "https")
        assert tokens["read"] not in cookie
        page = client.get("/history")
        assert (page.status_code, 'id="sign-out"' in page.text) == (200, True)
        assert client.delete("/v1/answers/x").status_code == 403
        assert client.get("/session", headers={"Authorization": "Bearer no"}).status_code == 401
        stolen = client.cookies[COOKIE]
        assert client.delete("/session").status_code == 204
        assert client.get("/session", headers={"Cookie": f"{COOKIE}={stolen}"}).status_code == 401


def test_a_rate_is_kept_for_each_key_and_for_each_address_without_one(
    home: Path, tokens: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "keys.sqlite").write_bytes((home / "keys.sqlite").read_bytes())
    with TestClient(create_app(Settings(home=tmp_path, rate_per_minute=3)), base_url="http://localhost") as client:
        statuses = [client.get("/docs", headers=bearer(tokens, "read")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = client.get("/docs", headers=bearer(tokens, "read"))
        problem(refused, 429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert client.get("/docs", headers=bearer(tokens, "write")).status_code == 200
        wrong = [client.get("/docs", headers=bearer(tokens, "wrong")).status_code for _ in range(4)]
        assert wrong == [401, 401, 401, 429]
        assert client.get("/healthz").status_code == 200
        assert client.get("/web/page.css").status_code == 200


def test_without_keys_nothing_is_counted(keyless: TestClient) -> None:
    assert [keyless.get("/docs").status_code for _ in range(3)] == [200] * 3


NAMES = "tenkyo.example, 10.0.0.5,[FD00::1]"
HOSTS = [
    ("localhost", True),
    ("LOCALHOST:8000", True),
    ("127.0.0.1:8000", True),
    ("127.9.9.9", True),
    ("[::1]:8000", True),
    ("tenkyo.example", True),
    ("tenkyo.example:443", True),
    ("[fd00::1]:8000", True),
    ("10.0.0.5", True),
    ("10.0.0.6", False),
    ("evil.example", False),
    ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False),
    ("evil.example:127.0.0.1", False),
    ("tenkyo.example.evil.example", False),
    ("tenkyo.example@evil.example", False),
    ("", False),
]


def test_only_names_of_this_service_are_answered_to(keyless: TestClient) -> None:
    for host, known in HOSTS:
        response = keyless.get("/session", headers={"Host": host})
        assert response.status_code == (204 if known else 421), host
    problem(keyless.get("/v1/documents", headers={"Host": "evil.example"}), 421, "unknown_host")
    for probe in PROBES:
        assert keyless.get(probe, headers={"Host": "10.1.2.3"}).status_code in {200, 503}


@pytest.mark.parametrize(("host", "status"), [("192.168.1.5:8000", 204), ("192.168.1.6:8000", 421)])
def test_the_address_that_a_connection_came_in_on_is_a_name(tmp_path: Path, host: str, status: int) -> None:
    """A page that leads a browser here by a name of its own (DNS rebinding) can't send it."""
    scope: dict[str, Any] = {"type": "http", "method": "DELETE", "path": "/session", "query_string": b""}
    scope |= {"headers": [(b"host", host.encode())], "client": ("192.168.1.9", 1), "server": ("192.168.1.5", 8000)}
    assert called(create_app(Settings(home=tmp_path)), scope, b"") == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Origin": "http://localhost"}, 204),
        ({"Origin": "https://localhost"}, 204),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "https://tenkyo.example", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "https://tenkyo.example", "Host": "tenkyo.example"}, 204),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_page_of_another_origin_changes_nothing(keyless: TestClient, headers: dict[str, str], status: int) -> None:
    response = keyless.delete("/session", headers=headers)
    assert response.status_code == status
    if status == 403:
        problem(response, 403, "cross_origin")


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/v1/documents", "/nothing", "/web/page.js", "/metrics"])
def test_every_response_has_its_headers(keyless: TestClient, path: str) -> None:
    headers = keyless.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert ("cache-control" in headers) == (path != "/web/page.js")
    assert len(headers["x-request-id"]) == 16
    assert not {"access-control-allow-origin", "strict-transport-security"} & headers.keys()
    for name in headers:
        assert len(headers.get_list(name)) == 1, name


def test_what_goes_wrong_unexpectedly_has_an_id_and_tells_nothing(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    with TestClient(app, base_url="http://localhost") as client:
        app.state.metrics = None
        body: dict[str, Any] = problem(client.get("/metrics"), 500, "internal_error")
    assert "NoneType" not in body["detail"]
