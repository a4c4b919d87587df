"""The log: one line a request, with the id that its answer carries; nothing that was asked, no secret."""

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import ROOT
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.app import create_app
from api.draining import Traffic
from api.keys import Keys
from api.logs import JsonFormatter
from api.metrics import Metrics
from api.noted import Noted, request
from api.observed import Observed
from api.service import Service
from api.settings import Settings

QUESTION = "露光装置の国産比率は？"


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    formatter = JsonFormatter()
    return [json.loads(formatter.format(record)) for record in caplog.records if record.name == "tenkyo.requests"]


def test_each_request_is_one_line(
    client: TestClient, service: Service, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    answer = client.post("/v1/ask", json={"question": QUESTION, "store": False})
    refused = client.get("/v1/documents/nobody?secret=1")
    first, second = told(caplog)
    assert first["request_id"] == answer.headers["x-request-id"]
    assert second["request_id"] == refused.json()["request_id"] != first["request_id"]
    assert f"request {first['request_id']}" in first["message"]
    expected = {"level": "info", "method": "POST", "route": "/v1/ask", "status": 200, "key": None}
    assert expected.items() <= first.items()
    assert (first["outcome"], first["mode"], first["degraded"]) == ("answered", "extractive", False)
    assert first["stages_ms"]["search.total"] <= first["ms"]
    assert (second["route"], second["status"]) == ("/v1/documents/{doc_id}", 404)
    everything = json.dumps([first, second])  # the test's own client tells more
    for part in (json.dumps("露光")[1:-1], "secret", "nobody"):
        assert part not in everything


def test_no_secret_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    keys = Keys(tmp_path / "keys.sqlite")
    key, token = keys.add("newsroom", "read")
    keys.close()
    with TestClient(create_app(Settings(home=tmp_path))) as client:
        client.get("/v1/documents", headers={"Authorization": f"Bearer {token}"})
        client.get("/v1/documents", headers={"Authorization": f"Bearer {token}x"})
        client.post("/session", json={"key": token})
        client.post("/session", json={"key": [token]})
        client.get("/v1/documents")
        cookie = client.cookies["tenkyo_session"]
    assert [line["key"] for line in told(caplog)] == [key.key_id, None, None, key.key_id, key.key_id]
    everything = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert token.split("_", 2)[2] not in everything
    assert cookie.split("_", 1)[1] not in everything


def test_a_line_is_one_json_object_with_its_request_and_its_error() -> None:
    token = request.set(Noted("0123456789abcdef"))
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        record = logging.LogRecord("tenkyo", logging.ERROR, "x", 1, "two\nlines %s", ("典拠",), sys.exc_info())
        line = JsonFormatter().format(record)
    finally:
        request.reset(token)
    assert "\n" not in line
    body = json.loads(line)
    assert (body["message"], body["level"], body["request_id"]) == ("two\nlines 典拠", "error", "0123456789abcdef")
    assert "ValueError: bad\nthing" in body["exception"]
    assert body["time"].endswith("Z")


SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}


@pytest.mark.parametrize(
    ("goes_wrong", "started", "status"),
    [(asyncio.CancelledError, False, 499), (ValueError, False, 500), (ValueError, True, 200)],
    ids="gone failed broken".split(),
)
def test_what_has_no_whole_answer_is_told_too(
    caplog: pytest.LogCaptureFixture, goes_wrong: type[BaseException], started: bool, status: int
) -> None:
    """499: who asked is gone. After half an answer all that is left is to break off."""
    caplog.set_level("INFO")
    sent: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200})
        raise goes_wrong

    async def send(message: Message) -> None:
        sent.append(message)

    async def served() -> None:
        await Observed(application, Metrics(), Traffic())(dict(SCOPE), cast(Receive, None), send)

    if started or goes_wrong is asyncio.CancelledError:
        with pytest.raises(goes_wrong):
            asyncio.run(served())
    else:
        asyncio.run(served())
    assert [line["status"] for line in told(caplog) if "status" in line] == [status]
    assert [message["status"] for message in sent if "status" in message] == ([] if status == 499 else [status])


SETS_UP = """
import logging
from api import logs
logs.set_up("info", "{kind}")
logging.getLogger("uvicorn.error").info("Started")
logging.getLogger("mcp.server").info("of every request")
logging.getLogger("tenkyo").debug("too fine")
"""


@pytest.mark.parametrize(("kind", "start"), [("text", "20"), ("json", '{"time": "20')])
def test_everything_goes_one_way(kind: str, start: str) -> None:
    command = [sys.executable, "-c", SETS_UP.format(kind=kind)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1
    assert "Started" in done.stderr
