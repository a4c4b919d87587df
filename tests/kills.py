"""Processes that are killed: at each call that changes a file, or at any moment; and what they were doing.

A process is forked from a server that has everything imported (`multiprocessing`'s forkserver), so that a kill costs
what the work costs.
"""

import multiprocessing
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from types import FrameType
from typing import Any

from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.kept import KeptAnswers
from api.settings import Settings
from api.uploads import Job, take_in
from ingest.library import Library
from tenkyo import app

STEPS = frozenset(
    "fsync replace rename unlink remove mkdir rmdir truncate ftruncate write tofile write_index flock "
    "execute executemany executescript commit __exit__".split()
)
"""What changes files, or readies it: the process is killed before the n-th of these calls."""
_NO_STEPS = frozenset("str bytes StringIO BytesIO BufferedReader ScandirIterator lock".split())
"""Types with methods of these names that change no file."""
FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Killed:
    """How a process ended: `killed`, or with the work done after all. `told`: what it said on the way."""

    killed: bool
    told: tuple[Any, ...]


def at_step(number: int, work: Callable[..., None], *arguments: Any) -> Killed:
    """Killed before its `number`-th step."""
    return _run(None, number, work, *arguments)


def after(seconds: float, work: Callable[..., None], *arguments: Any) -> Killed:
    return _run(seconds, None, work, *arguments)


def undisturbed(work: Callable[..., None], *arguments: Any) -> float:
    """How long it takes in a process of its own."""
    _start_server()
    started = time.monotonic()
    assert not _run(600, None, work, *arguments).killed
    return time.monotonic() - started


def _run(seconds: float | None, step: int | None, work: Callable[..., None], *arguments: Any) -> Killed:
    _start_server()
    reader, writer = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_child, args=(writer, step, work, arguments))
    process.start()
    writer.close()
    process.join(seconds if seconds is not None else 600)
    if process.exitcode is None:
        process.kill()
        process.join()
    told: list[Any] = []
    while reader.poll():
        try:
            told.append(reader.recv())
        except (EOFError, OSError):  # nothing more, or half of a message
            break
    reader.close()
    assert process.exitcode in (0, -signal.SIGKILL), f"{work.__name__}: exit status {process.exitcode}"
    return Killed(process.exitcode != 0, tuple(told))


@cache
def _start_server() -> None:
    """With this process's path of modules: the server imports before it is told of it."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    FORKS.set_forkserver_preload(["warmed"])
    forkserver.ensure_running()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
    first = FORKS.Process(target=os.getpid)
    first.start()
    first.join()


def _child(writer: Any, step: int | None, work: Callable[..., None], arguments: Sequence[Any]) -> None:
    if step is not None:
        sys.setprofile(_Killer(step))
    work(writer.send, *arguments)


class _Killer:
    def __init__(self, step: int):
        self.left = step

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in STEPS and type(called.__self__).__name__ not in _NO_STEPS:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


Tell = Callable[[str], None]


def command(tell: Tell, home: Path, corpus: Path, *arguments: str, **settings: str) -> None:
    """`tenkyo ARGUMENTS`."""
    os.environ |= {"TENKYO_HOME": str(home), "TENKYO_CORPUS": str(corpus)} | settings
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output


def in_milvus(tell: Tell, home: Path, corpus: Path, uri: str, *arguments: str) -> None:
    """`tenkyo ARGUMENTS` with its store in Milvus."""
    command(tell, home, corpus, *arguments, TENKYO_STORE="milvus", TENKYO_MILVUS_URI=uri)


def expand(tell: Tell, home: Path, corpus: Path, endpoint: str) -> None:
    os.environ |= {"TENKYO_LLM_BASE_URL": endpoint, "TENKYO_LLM_MODEL": "m"}
    command(tell, home, corpus, "ingest", "--expand")


def worker(tell: Tell, home: Path, corpus: Path) -> None:
    """What the service starts for documents that wait, and for those that are to go."""
    settings = Settings(home=home, corpus=corpus)
    waiting = [entry.doc_id for entry in Library(settings.library).entries() if entry.status == "processing"]
    for doc_id in waiting or [None]:
        take_in(Job.of(settings, doc_id))


def give(tell: Tell, home: Path, corpus: Path, content: bytes) -> None:
    """Like an upload: kept, then taken in."""
    Library(home / "library").add(content, "own.txt", {"title": "自分の文書"})
    worker(tell, home, corpus)


def take_away(tell: Tell, home: Path, corpus: Path, doc_id: str) -> None:
    """Like a deletion over HTTP."""
    Library(home / "library").remove([doc_id])
    worker(tell, home, corpus)


def keep_answers(tell: Tell, path: Path, count: int) -> None:
    """Each is told once it is kept, as a service answers."""
    kept = KeptAnswers(path)
    for number in range(count):
        created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        kept.keep({"answer_id": f"ans_{os.getpid()}_{number}", "created": created, "text": "回答" * 200})
        tell(f"ans_{os.getpid()}_{number}")


def serve(tell: Callable[[Any], None], home: Path, corpus: Path, content: bytes) -> None:
    """A service that is asked, given a document, asked, and told to take it away; tells each of its answers."""
    with TestClient(create_app(Settings(home=home, corpus=corpus)), base_url="http://127.0.0.1") as client:

        def ask() -> None:
            asked = client.post("/v1/ask", json={"question": "半導体の輸出規制で何が進むか"})
            tell(("kept", asked.json()["answer_id"]))

        for _ in range(20):
            ask()
            given = client.post("/v1/documents", params={"wait": True}, files={"file": ("own.txt", content)})
            assert given.status_code in (200, 201), given.text
            tell(("given", given.json()["doc_id"]))
            ask()
            ask()
            taken = client.delete(f"/v1/documents/{given.json()['doc_id']}")
            assert taken.status_code == 204, taken.text
            tell(("taken away", given.json()["doc_id"]))
            ask()


def copied(template: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(template, to)
    return to


def limited(tell: Callable[[Any], None], most: int, home: Path, corpus: Path, *arguments: str) -> None:
    """`tenkyo ARGUMENTS` where no file may grow over some bytes, as on a disk that is full; tells how it ended."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    refused(tell, home, corpus, *arguments)


def refused(tell: Callable[[Any], None], home: Path, corpus: Path, *arguments: str) -> None:
    os.environ |= {"TENKYO_HOME": str(home), "TENKYO_CORPUS": str(corpus)}
    done = CliRunner().invoke(app, list(arguments))
    tell((done.exit_code, done.stderr, isinstance(done.exception, SystemExit | None)))
