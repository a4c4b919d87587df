"""Parsing in a process of its own, with limits: a file that hangs, swells or crashes a parser costs only itself.

python -m ingest.parser pdf < FILE      (what `parse` runs; it prints the `Extracted` as JSON)
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.extracted import Extracted
from retriever.errors import SourceRefused

_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Limits:
    """`seconds` on the clock, `memory` in bytes of address space, `characters` of text that come of it."""

    seconds: float = 120
    memory: int = 1024**3
    characters: int = 2_000_000


LIMITS = Limits()


def parse(content: bytes, kind: str, limits: Limits = LIMITS) -> Extracted:
    """`kind`: pdf, docx or html. Raises `SourceRefused`, also where the parser is too slow, too large or crashes."""
    command = [sys.executable, "-m", "ingest.parser", kind, str(limits.memory), str(limits.characters)]
    path = os.pathsep.join([str(_PROJECT), *sys.path[1:]])
    try:
        done = subprocess.run(
            command,
            input=content,
            capture_output=True,
            timeout=limits.seconds,
            cwd=_PROJECT,
            env={"PYTHONPATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SourceRefused(
            f"reading it took longer than {limits.seconds:g} seconds. Split it, then try again.", "too_slow"
        ) from None
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise SourceRefused(
            f"the file crashed its parser (exit status {done.returncode}): it is damaged, or needs more memory than "
            f"the {limits.memory // 2**20:,} MiB that it may have.",
            "parser_crashed",
        ) from None
    if "refused" in result:
        raise SourceRefused(result["refused"], result["code"])
    pages, blank = tuple(result.pop("pages")), tuple(result.pop("blank_pages"))
    return Extracted(pages=pages, blank_pages=blank, **result)


def _read(kind: str, content: bytes) -> Extracted:
    """Only the parser that is needed is imported."""
    if kind == "pdf":
        from ingest.pdf import read_pdf

        return read_pdf(content)
    if kind == "docx":
        from ingest.docx import read_docx

        return read_docx(content)
    from ingest.html import read_html

    return read_html(content)


def _main(kind: str, memory: int, characters: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit on address space isn't kept
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = _read(kind, sys.stdin.buffer.read())
        if len(found.text) > characters:
            raise SourceRefused(
                f"it holds {len(found.text):,} characters, {characters:,} are allowed. Split it, then try again.",
                "too_large",
            )
        result = asdict(found)
    except SourceRefused as error:
        result = {"refused": str(error), "code": error.code}
    except MemoryError:
        result = {
            "refused": f"reading it needs more than the {memory // 2**20:,} MiB of memory that it may have.",
            "code": "too_large",
        }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
