"""Connections as they come from the network, on a real port: slow ones, too many, and readers that don't read."""

import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import listening
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from test_metrics import samples

from api import connections
from api.admission import Queue
from api.connections import Connection
from api.door import Door
from api.draining import Traffic
from api.metrics import Metrics

SECONDS = 60
LARGE = b"x" * 50_000_000


@contextmanager
def served(traffic: Traffic | None = None) -> Iterator[tuple[str, Metrics]]:
    """The address of an application that answers with fifty megabytes, or with what it was sent. `traffic`: that of
    its door, where it has one."""
    metrics = Metrics()
    door = {"door": Door(Queue(1, traffic, metrics), lambda method, path: path, metrics)} if traffic else {}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"metrics": metrics, **door}

    async def large(request: Request) -> PlainTextResponse:
        return PlainTextResponse(LARGE)

    async def same(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    routes = [Route("/large", large), Route("/same", same, methods=["POST"])]
    with listening(Starlette(routes=routes, lifespan=lifespan), http=Connection) as address:
        yield address, metrics


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    parts = urlsplit(address)
    with closing(socket.create_connection((parts.hostname, parts.port), SECONDS)) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def problem(response: bytes, status: int) -> str:
    """The code of a problem that ends the connection."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"connection: close" in head and b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == status
    return str(json.loads(body)["code"])


def shed(metrics: Metrics, reason: str) -> float:
    found = samples(metrics.exposition([]).decode())
    return found.get(("tenkyo_shed_requests_total", (("reason", reason),)), 0)


def wait_for_shed(metrics: Metrics, reason: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not shed(metrics, reason):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    with served() as (address, metrics), connected(address) as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\n")
        for _ in range(3):
            time.sleep(0.05)
            slow.sendall(b"X")
        assert problem(all_of(slow), 408) == "request_timeout"
        assert shed(metrics, "slow") == 1


def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.1)
    with served() as (address, _):
        with connected(address) as idle:
            assert all_of(idle) == b""
        with connected(address) as blank:
            blank.sendall(b"\r\n")
            assert problem(all_of(blank), 408) == "request_timeout"


def test_what_still_comes_of_a_request_that_is_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    with served() as (address, metrics), connected(address) as slow:
        slow.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 404 ")
        slow.sendall(b"x")
        assert all_of(slow) == b""
        assert shed(metrics, "slow") == 1


def test_a_request_in_time_is_answered_and_so_is_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.5)
    with served() as (address, metrics), connected(address) as connection:
        for body in (b"one", b"two"):
            connection.sendall(b"POST /same HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
            time.sleep(0.6)  # a body is the application's own affair
            connection.sendall(body)
            answer = b""
            while not answer.endswith(body):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")
        assert shed(metrics, "slow") == 0


def test_who_is_refused_at_the_door_can_ask_again_over_the_same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    traffic = Traffic()
    traffic.stopping = True
    asked = b"POST /same HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    with served(traffic) as (address, metrics), connected(address) as connection:
        connection.sendall(asked + b"one")
        head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        found = json.loads(body)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert (found["code"], found["request_id"]) == ("stopping", lines[b"x-request-id"].decode())
        assert (lines[b"retry-after"], lines[b"content-type"]) == (b"5", b"application/problem+json")
        assert lines[b"content-security-policy"].startswith(b"default-src 'none'")
        time.sleep(0.4)  # nothing more is to come of that one
        traffic.stopping = False
        connection.sendall(asked + b"two")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        counted = samples(metrics.exposition([]).decode())
        labels = (("method", "POST"), ("route", "/same"), ("status", "503"))
        assert (shed(metrics, "stopping"), shed(metrics, "slow")) == (1, 0)
        assert counted[("tenkyo_requests_total", labels)] == 1


def test_who_is_refused_at_the_door_and_does_not_stay_is_let_go() -> None:
    traffic = Traffic()
    traffic.stopping = True
    with served(traffic) as (address, _), connected(address) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
        assert (b"connection: close" in head, json.loads(body)["error"]["code"]) == (True, "stopping")


def test_what_costs_little_is_let_in_whatever_waits() -> None:
    traffic = Traffic()
    traffic.stopping = True
    with served(traffic) as (address, _), connected(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")  # by the application, which has no such route


def test_a_head_without_end_is_refused() -> None:
    with served() as (address, _), connected(address) as endless:
        endless.sendall(b"GET /large HTTP/1.1\r\nX: " + b"x" * 65_536)
        assert problem(all_of(endless), 431) == "head_too_large"


def test_more_connections_than_are_served_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 1)
    with served() as (address, metrics), connected(address) as first:
        with connected(address) as second:
            assert problem(all_of(second), 503) == "overloaded"
        assert shed(metrics, "connections") == 1
        first.sendall(b"POST /same HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1")
        assert all_of(first).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
def test_who_asks_and_does_not_read_is_cut_off(ending: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_READ_SECONDS", 0.2)
    with served() as (address, metrics), connected(address) as reader:
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n" + ending + b"\r\n")
        wait_for_shed(metrics, "slow")
        received = 0
        with pytest.raises(ConnectionResetError):
            while part := reader.recv(65_536):
                received += len(part)
            raise ConnectionResetError  # closed, with the rest unsent
        assert received < len(LARGE)


def test_who_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_READ_SECONDS", 0.8)
    with served() as (address, metrics), connected(address) as reader:
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while part := reader.recv(1_000_000):
            received += len(part)
            time.sleep(0.03)
        assert received > len(LARGE)
        assert shed(metrics, "slow") == 0
