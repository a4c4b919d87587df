"""What the READMEs show is what the commands print."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from browser import listening
from conftest import ROOT
from mcp import Client, StdioServerParameters
from test_cli import run

from api.app import create_app
from api.service import Service
from api.settings import Settings

COMMAND = re.compile(r"^\$ \.venv/bin/tenkyo ((?:ask|lookup|search|documents)\b.*)$")


def shown(readme: str) -> list[tuple[str, list[str]]]:
    """Commands of the console blocks with the lines under each; 「…」 stands for lines left out."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL):
        lines: list[str] | None = None
        for line in block.splitlines():
            if match := COMMAND.match(line):
                lines = []
                found.append((match[1], lines))
            elif line.startswith("$"):
                lines = None
            elif lines is not None and line != "…":
                lines.append(line)
    return found


@pytest.mark.parametrize(("command", "lines"), [*shown("README.md"), *shown("README.ja.md")])
def test_a_command_of_the_readme_prints_what_it_shows(home: Path, command: str, lines: list[str]) -> None:
    printed = run(home, *shlex.split(command)).stdout.splitlines()
    assert printed[: len(lines)] == lines


def test_the_readme_shows_the_ingest_and_the_answer_as_they_are(home: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    progress = run(tmp_path, "ingest").stderr.splitlines()
    assert "\n".join(progress) in readme
    answer = run(home, "ask", "露光装置の国産比率は？", "--json").stdout
    (confidence,) = re.findall(r'"confidence": [0-9.]+', readme)
    for line in (confidence, "1736", "1782", "1768"):
        assert line in readme
        assert line in answer


ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def address(service: Service, home: Path) -> Iterator[str]:
    with listening(create_app(Settings(home=home), service)) as address:
        yield address


def blocks(readme: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_a_program_of_the_readme_prints_what_it_shows(readme: str, address: str) -> None:
    (program,), (text,) = blocks(readme, "python"), blocks(readme, "text")
    command = [sys.executable, "-c", program.replace(ADDRESS, address)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (done.stderr, done.stdout.replace(address, ADDRESS)) == ("", text)


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_an_agent_reaches_the_servers_of_the_readme(readme: str, address: str, home: Path) -> None:
    async def tools_of(server: Any) -> list[str]:
        async with Client(server) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    (config,) = blocks(readme, "json")
    for server in json.loads(config)["mcpServers"].values():
        if "url" in server:
            found = anyio.run(tools_of, server["url"].replace(ADDRESS, address))
        else:
            assert server["command"].endswith("/.venv/bin/tenkyo")
            arguments = ["-m", "tenkyo", *server["args"]]
            environment = os.environ | {"TENKYO_HOME": str(home)}
            parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=str(ROOT))
            found = anyio.run(tools_of, parameters)
        assert found == ["search", "ask", "lookup", "get_passage"]
