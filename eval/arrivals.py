"""Requests over HTTP that are sent by the clock, not after an answer, as many people send them. Linux only.

python -m eval.arrivals PORT PID < JOB      (what `send` runs: prints answers as JSON)
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from itertools import cycle

from api.settings import PROJECT
from eval.load import Asked, Server, exchange, on_core, written

MOST_OPEN = 400
"""Connections: who can't have one counts as failed."""
PROBE_SECONDS = 0.1
_IDLE_SECONDS = 3.0
"""A server closes a connection that is idle for some seconds, perhaps just when the next request is sent on it."""
_WRONG = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answer:
    """`due`: seconds from the start to when it was to be sent; `ms`: from then to the end of its answer. `status`: 0
    where none came; `probe`: of /healthz, which is asked besides."""

    due: float
    ms: float
    status: int
    probe: bool = False


@dataclass(frozen=True)
class Sent:
    """`client`: share of a core that the client used; `server`: seconds of processor that the server spent on
    what was sent by the clock."""

    answers: tuple[Answer, ...]
    client: float
    server: float


def send(server: Server, asked: Sequence[Asked], rate: float, seconds: float, after: float = 0.0) -> Sent:
    """`rate`: requests a second. `after`: seconds in which, once that is over, one asks after the other."""
    job = json.dumps({"asked": list(asked), "rate": rate, "seconds": seconds, "after": after})
    with on_core(1):
        command = [sys.executable, "-m", "eval.arrivals", str(server.port), str(server.pid)]
        done = subprocess.run(command, cwd=PROJECT, input=job, stdout=subprocess.PIPE, text=True, check=True)
    answers, client, spent = json.loads(done.stdout)
    return Sent(tuple(Answer(*answer) for answer in answers), client, spent)


class Arrivals:
    """Connections are kept open, and another one is opened where all have something to wait for."""

    def __init__(self, port: int):
        self.port = port
        self.answers: list[Answer] = []
        self.started = time.perf_counter()
        self._idle: list[tuple[float, Stream]] = []
        self._open = 0

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Stream]:
        """Closed where the answer on it isn't whole. Raises `OSError`."""
        while self._idle and self._idle[-1][0] < time.perf_counter() - _IDLE_SECONDS:
            self._close(self._idle.pop()[1])
        if not self._idle and self._open >= MOST_OPEN:
            raise ConnectionError(f"{MOST_OPEN} connections are open.")
        if self._idle:
            _, stream = self._idle.pop()
        else:
            self._open += 1
            try:
                stream = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self._open -= 1
                raise
        try:
            yield stream
        except BaseException:
            self._close(stream)
            raise
        self._idle.append((time.perf_counter(), stream))

    def _close(self, stream: Stream) -> None:
        stream[1].close()
        self._open -= 1

    async def ask(self, request: bytes, due: float, probe: bool = False) -> None:
        status = 0
        try:
            async with self._connection() as (reader, writer):
                status, _ = await exchange(reader, writer, request)
        except _WRONG:
            status = 0
        now = time.perf_counter() - self.started
        self.answers.append(Answer(due, 1000 * (now - due), status, probe))

    async def by_the_clock(self, requests: Sequence[bytes], rate: float, seconds: float, probe: bool = False) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, request in zip(range(int(rate * seconds)), cycle(requests), strict=False):
                due = number / rate
                if (early := due - (time.perf_counter() - self.started)) > 0:
                    await asyncio.sleep(early)
                tasks.create_task(self.ask(request, due, probe))

    async def in_turn(self, requests: Sequence[bytes], seconds: float) -> None:
        started = time.perf_counter()
        for request in cycle(requests):
            if time.perf_counter() - started > seconds:
                return
            await self.ask(request, time.perf_counter() - self.started)

    def close(self) -> None:
        for _, (_, writer) in self._idle:
            writer.close()


async def run(server: Server, asked: Sequence[Asked], rate: float, seconds: float, after: float) -> Sent:
    requests, probe = [written(path, body) for path, body in asked], [written("/healthz")]
    spent, used, arrivals = server.processor_seconds(), time.process_time(), Arrivals(server.port)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(arrivals.by_the_clock(requests, rate, seconds))
        tasks.create_task(arrivals.by_the_clock(probe, 1 / PROBE_SECONDS, seconds, probe=True))
        await asyncio.sleep(arrivals.started + seconds - time.perf_counter())
        spent = server.processor_seconds() - spent
        await arrivals.in_turn(requests, after)
    arrivals.close()
    client = (time.process_time() - used) / (time.perf_counter() - arrivals.started)
    return Sent(tuple(sorted(arrivals.answers, key=lambda answer: answer.due)), client, spent)


if __name__ == "__main__":
    import uvloop  # the server's event loop, so that the client costs as little

    found = uvloop.run(run(Server(int(sys.argv[1]), int(sys.argv[2])), **json.load(sys.stdin)))
    sys.stdout.write(json.dumps([[astuple(answer) for answer in found.answers], found.client, found.server]))
