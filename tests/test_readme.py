"""What the READMEs show is what the commands print."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT
from test_cli import run

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
    for line in ('"confidence": 0.9281', "1736", "1782", "1768"):
        assert line in readme
        assert line in answer
