"""A tool in a process of its own, on one core: what it takes of memory and time is then its alone."""

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.errors import PeerFailed
from eval.peers.adapters import Entry, MakesTool, Tool
from eval.peers.corpus import Text
from retriever.embed import StaticModel

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Built:
    """Seconds of its processor time and on the clock. Bytes that are resident beyond texts, vectors and model: of
    its library, and of its index after the first search; 0 where the system doesn't say."""

    cpu_seconds: float
    seconds: float
    library: int
    index: int


@dataclass(frozen=True, slots=True)
class Round:
    """What it found for each question of a round, in seconds of its processor time and on the clock."""

    found: tuple[tuple[int, ...], ...]
    cpu_seconds: float
    seconds: float


class Worker:
    """Started by `working`. Raises `PeerFailed` where the tool's process has ended; it has said why on stderr."""

    def __init__(self, name: str, connection: Connection):
        self.name = name
        self._connection = connection

    def start(self, question: str, k: int) -> None:
        """Have it build its index and answer a first question, which isn't measured; tools build side by side."""
        self._send((question, k))

    def built(self) -> Built:
        built: Built = self._receive()
        return built

    def search(self, questions: Sequence[str], k: int) -> Round:
        self._send((tuple(questions), k))
        found: Round = self._receive()
        return found

    def _send(self, request: object) -> None:
        try:
            self._connection.send(request)
        except ConnectionError:
            raise PeerFailed(self._ended) from None

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError):
            raise PeerFailed(self._ended) from None

    @property
    def _ended(self) -> str:
        return f"{self.name}: its process ended. What it wrote above says why."


@contextmanager
def working(entry: Entry, texts: Sequence[Text], vectors: NDArray[np.float32]) -> Iterator[Worker]:
    """The tool in a new process, which ends with the block."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_work, args=(theirs, entry.make, texts, vectors))
    with _one_thread():
        process.start()
    theirs.close()
    try:
        yield Worker(entry.name, ours)
    finally:
        ours.close()
        process.join(timeout=10)
        process.kill()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Numeric libraries read these when they are loaded; a process inherits them."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, make: MakesTool, texts: Sequence[Text], vectors: NDArray[np.float32]) -> None:
    model = StaticModel()
    try:
        with TemporaryDirectory() as folder:
            question, k = connection.recv()
            at_first = _resident()
            tool = make(model)
            imported = _resident()
            cpu_seconds, seconds = _with_children(), time.perf_counter()
            tool.build(texts, vectors, Path(folder))
            cpu_seconds, seconds = _with_children() - cpu_seconds, time.perf_counter() - seconds
            if hasattr(os, "sched_setaffinity"):  # Linux
                os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            tool.search(question, k)
            gc.collect()
            connection.send(Built(cpu_seconds, seconds, imported - at_first, _resident() - imported))
            while True:
                connection.send(_round(tool, *connection.recv()))
    except EOFError:
        pass  # nobody asks any more


def _round(tool: Tool, questions: Sequence[str], k: int) -> Round:
    cpu_seconds, seconds = time.process_time(), time.perf_counter()
    found = tuple(tuple(tool.search(question, k)) for question in questions)
    return Round(found, time.process_time() - cpu_seconds, time.perf_counter() - seconds)


def _with_children() -> float:
    """Processor seconds of this process and of those that it started, which a build may have."""
    return sum(os.times()[:4])


def _resident() -> int:
    """Bytes of this process that are in memory, pages of mapped files too."""
    pages = int(_STATM.read_text("ascii").split()[1]) if _STATM.exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE")
