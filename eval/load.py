"""Requests over HTTP, as many at a time as there are connections, and what they cost: server on one core, client on
another.

    python -m eval.load serve PORT CORE     (what `serving` runs: the service with one bare route beside its own)
    python -m eval.load ask PORT CORE       (what `measure` runs: prints a `Load` as JSON)
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
import uvloop

from api.app import create_app
from api.serving import config as serving_config
from api.serving import listen
from api.settings import PROJECT, Settings

BARE = "/bare"
"""A route that says {"status": "ok"}, through the same middleware. Only here."""
_START_SECONDS = 60.0
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


@dataclass(frozen=True)
class Load:
    """`rate`: requests a second on the clock; `latencies`: p50 and p99 in ms; `client`: share of its core that the
    client used: near 1, it would be what is measured."""

    requests: int
    seconds: float
    p50: float
    p99: float
    client: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Measured:
    """A load, and the seconds of processor that the server spent on it."""

    load: Load
    server_seconds: float

    @property
    def rate_per_core(self) -> float:
        """Requests a second of processor: what one core can do, whoever else uses the machine."""
        return self.load.requests / self.server_seconds


@contextmanager
def serving(core: int) -> Iterator[tuple[int, int]]:
    """Port and process id of a server of its own, pinned to a core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "eval.load", "serve", str(port), str(core)], cwd=PROJECT)
    try:
        _wait_until_ready(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def measure(
    port: int, server: int, core: int, path: str, bodies: Sequence[Any], connections: int, requests: int
) -> Measured:
    """`bodies` are sent in turn, each as JSON; without any, the path is only got."""
    job = json.dumps({"path": path, "bodies": list(bodies), "connections": connections, "requests": requests})
    before = _processor_seconds(server)
    command = [sys.executable, "-m", "eval.load", "ask", str(port), str(core)]
    done = subprocess.run(command, cwd=PROJECT, input=job, capture_output=True, text=True, check=True)
    return Measured(Load(**json.loads(done.stdout)), _processor_seconds(server) - before)


def _processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _load(port: int, path: str, bodies: Sequence[Any], connections: int, requests: int) -> Load:
    """Each connection is kept open and asks the next thing as soon as it is answered."""
    texts = [_request(path, body) for body in bodies] or [_request(path)]
    waiting = iter(texts[i % len(texts)] for i in range(requests))
    latencies: list[float] = []
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_ask(reader, writer, waiting, latencies) for reader, writer in streams))
    seconds, used = time.perf_counter() - started, time.process_time() - used
    for _, writer in streams:
        writer.close()
    p50, p99 = (float(1000 * value) for value in np.percentile(latencies, [50, 99]))
    return Load(len(latencies), seconds, p50, p99, used / seconds)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: Iterator[bytes], latencies: list[float]
) -> None:
    """Raises `ConnectionError` for any answer but 200."""
    for request in waiting:
        asked = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(head.decode())
        await reader.readexactly(int(_LENGTH.search(head)[1]))  # type: ignore[index]
        latencies.append(time.perf_counter() - asked)


def _request(path: str, body: Any = None) -> bytes:
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _serve(port: int) -> None:
    settings = Settings()
    app = create_app(settings)

    @app.get(BARE)
    async def bare() -> dict[str, str]:
        return {"status": "ok"}

    uvicorn.Server(serving_config(settings, app)).run(sockets=[listen("127.0.0.1", port)])


if __name__ == "__main__":
    what, port, core = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, {core})
    if what == "serve":
        _serve(port)
    else:
        found = uvloop.run(_load(port, **json.load(sys.stdin)))
        print(json.dumps(asdict(found)))
