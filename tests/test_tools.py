"""The Model Context Protocol, with the official client: over HTTP on a real port, and over stdio."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from browser import listening
from conftest import ROOT
from mcp import Client, MCPError, StdioServerParameters

from api import schemas
from api.app import create_app
from api.citations.quotes import squeeze
from api.service import Service
from api.settings import Settings
from api.tools import create_server

QUESTION = "露光装置の国産比率は？"
DOC_ID = "004_17361f999aa8c8f0"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture(scope="module")
def address(service: Service, home: Path) -> Iterator[str]:
    with listening(create_app(Settings(home=home), service)) as address:
        yield address


def stdio(home: Path) -> StdioServerParameters:
    environment = os.environ | {"TENKYO_HOME": str(home)}
    return StdioServerParameters(command=sys.executable, args=["-m", "tenkyo", "mcp"], env=environment, cwd=str(ROOT))


@pytest.fixture(params=["http", "legacy", "stdio"])
def talk(request: pytest.FixtureRequest, address: str, home: Path) -> Callable[..., Any]:
    """Runs a coroutine with a client; `legacy` speaks the protocol of before 2026."""
    server = stdio(home) if request.param == "stdio" else f"{address}/mcp"

    def run(do: Callable[[Client], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            async with Client(server, mode="legacy" if request.param == "legacy" else "auto") as client:
                return await do(client)

        return anyio.run(connected)

    return run


def test_all_tools_and_resources_work(talk: Callable[..., Any], service: Service) -> None:
    async def do(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == ["search", "ask", "lookup", "get_passage"]
        asked = await client.call_tool("ask", {"question": QUESTION})
        answer = schemas.AnswerOut.model_validate(asked.structured_content)
        assert answer.short_answer and answer.short_answer.text == "1%未満"
        assert json.loads(asked.content[0].text) == asked.structured_content

        found = await client.call_tool("search", {"query": "半導体", "top_k": 2, "doc_ids": [DOC_ID]})
        hits = schemas.SearchOut.model_validate(found.structured_content).hits
        assert [hit.doc_id for hit in hits] == [DOC_ID, DOC_ID]
        passage = await client.call_tool("get_passage", {"passage_id": hits[0].passage_id})
        assert schemas.PassageOut.model_validate(passage.structured_content).text == hits[0].text

        looked = await client.call_tool("lookup", {"text": "国産比率は１％未満にとどまっています"})
        assert looked.structured_content["status"] == "verbatim"

        listed = await client.read_resource("tenkyo://documents")
        assert len(json.loads(listed.contents[0].text)["documents"]) == 5
        source = (await client.read_resource(f"tenkyo://documents/{DOC_ID}")).contents[0].text
        assert source == service.index.document(DOC_ID).text
        quote = answer.citations[0]
        assert squeeze("".join(source[start:end] for start, end in quote.spans)) == squeeze(quote.quote)

    talk(do)


def test_what_is_wrong_is_an_error_of_the_tool(talk: Callable[..., Any]) -> None:
    async def do(client: Client) -> None:
        for name, arguments, said in (
            ("ask", {"question": " "}, "white space only"),
            ("search", {"query": "x", "top_k": 51}, "less than or equal to 50"),
            ("search", {"query": "x", "published_from": "soon"}, "'soon'"),
            ("get_passage", {"passage_id": "none"}, "'none'"),
        ):
            failed = await client.call_tool(name, arguments)
            assert (failed.is_error, said in failed.content[0].text) == (True, True), failed
        with pytest.raises(MCPError, match="'none'"):
            await client.read_resource("tenkyo://documents/none")

    talk(do)


def test_the_tools_tell_what_they_take_and_give(service: Service) -> None:
    async def listed() -> Any:
        async with Client(create_server(lambda: service)) as client:
            return (await client.list_tools()).tools, (await client.list_resource_templates()).resource_templates

    tools, templates = anyio.run(listed)
    for tool in tools:
        assert tool.description
        assert tool.annotations.read_only_hint
        described = [value for name, value in tool.input_schema["properties"].items() if name != "mode"]
        assert all(value["description"] for value in described)
    shapes = [schemas.SearchOut, schemas.AnswerOut, schemas.LookupOut, schemas.PassageOut]
    for tool, shape in zip(tools, shapes, strict=True):
        assert list(tool.output_schema["properties"]) == list(shape.model_fields)
    assert [template.uri_template for template in templates] == ["tenkyo://documents/{doc_id}"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "ADDRESS"}, 200),
    ],
    ids="plain localhost host prefix origin port own".split(),
)
def test_only_loopback_names_are_served(address: str, headers: dict[str, str], status: int) -> None:
    sent = {"Accept": "application/json, text/event-stream"} | {
        k: v.replace("ADDRESS", address) for k, v in headers.items()
    }
    assert httpx2.post(f"{address}/mcp", json=HELLO, headers=sent).status_code == status


def test_a_large_body_is_refused(address: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert httpx2.post(f"{address}/mcp", content=b" " * 1_100_000, headers=headers).status_code == 413


def test_stdout_holds_the_protocol_and_nothing_else(home: Path) -> None:
    lines = [HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    call = {"name": "ask", "arguments": {"question": QUESTION}}
    lines.append({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
    command = [sys.executable, "-m", "tenkyo", "mcp"]
    environment = os.environ | {"TENKYO_HOME": str(home)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdin=-1, stdout=-1, stderr=subprocess.PIPE
    ) as server:
        assert server.stdin and server.stdout and server.stderr
        server.stdin.write("".join(f"{json.dumps(line)}\n" for line in lines))
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.stdin.close()
        assert (server.stdout.read(), server.stderr.read(), server.wait(20)) == ("", "", 0)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["structuredContent"]["answered"] is True


@pytest.mark.parametrize("way", ["http", "stdio"])
def test_without_an_index_the_agent_is_told(tmp_path: Path, way: str) -> None:
    async def ask(server: Any) -> Any:
        async with Client(server) as client:
            return await client.call_tool("ask", {"question": QUESTION})

    if way == "stdio":
        failed = anyio.run(ask, stdio(tmp_path))
    else:
        with listening(create_app(Settings(home=tmp_path))) as address:
            failed = anyio.run(ask, f"{address}/mcp")
    assert (failed.is_error, "There is no index yet. Run `tenkyo ingest`" in failed.content[0].text) == (True, True)


def test_a_server_leaves_logging_as_it_is(service: Service) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    for handler in before[0]:
        root.removeHandler(handler)
    try:
        create_server(lambda: service)
        assert (root.handlers, root.level) == ([], before[1])
    finally:
        for handler in before[0]:
            root.addHandler(handler)
