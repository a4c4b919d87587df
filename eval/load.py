"""Requests over HTTP, as many at a time as there are connections, and what they cost. Linux only.

The server runs as `tenkyo serve` does, on one core; the client is a process of its own on another.

    python -m eval.load PORT < JOB      (what `measure` runs: prints a `Load` as JSON)
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from api.settings import PROJECT

Body = dict[str, Any]
Asked = tuple[str, Body | None]
"""A path, and the JSON that is sent to it; without, the path is only got."""
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """`p50`, `p99`: latency in ms; `client`: share of a core that the client used: near 1, it would be what is
    measured; `server`: seconds of processor that the server spent."""

    requests: int
    seconds: float
    p50: float
    p99: float
    client: float
    server: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second on the clock."""
        return self.requests / self.seconds

    @property
    def rate_per_core(self) -> float:
        """Requests a second of processor: what a core can do, whoever else uses the machine."""
        return self.requests / self.server


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def processor_seconds(self) -> float:
        user, system = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident, in MB; what is shared with other processes counts in full."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1000


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started meanwhile runs on this core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[core % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(**settings: str) -> Iterator[tuple[Server, float]]:
    """A server of its own, and the seconds until it was ready."""
    command = [sys.executable, "-m", "tenkyo", "serve", "--port", "0"]
    environment = os.environ | {"TENKYO_LOG_LEVEL": "warning"} | settings
    started = time.perf_counter()
    with on_core(0):
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        address = next(line for line in process.stderr if "listens on" in line).split()[3]
        urllib.request.urlopen(f"{address}/readyz").close()
        yield Server(int(address.rsplit(":", 1)[1]), process.pid), time.perf_counter() - started
    finally:
        process.terminate()
        process.communicate()


def measure(server: Server, asked: Sequence[Asked], connections: int, requests: int) -> Load:
    """All that is asked is sent in turn, again and again."""
    job = json.dumps({"asked": list(asked), "connections": connections, "requests": requests})
    before = server.processor_seconds()
    with on_core(1):
        command = [sys.executable, "-m", "eval.load", str(server.port)]
        done = subprocess.run(command, cwd=PROJECT, input=job, stdout=subprocess.PIPE, text=True, check=True)
    return Load(**json.loads(done.stdout) | {"server": server.processor_seconds() - before})


def middle(loads: Sequence[Load]) -> Load:
    """The median of each figure over repeated runs."""
    return Load(**{name: median(getattr(load, name) for load in loads) for name in asdict(loads[0])})


async def ask(port: int, asked: Sequence[Asked], connections: int, requests: int) -> Load:
    """Each connection is kept open and asks the next thing as soon as it is answered."""
    texts = [written(path, body) for path, body in asked]
    waiting = iter([texts[i % len(texts)] for i in range(requests)])
    latencies: list[float] = []
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started, used = time.perf_counter(), time.process_time()
    try:
        await asyncio.gather(*(_ask_on(reader, writer, waiting, latencies) for reader, writer in streams))
    finally:
        for _, writer in streams:
            writer.close()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    p99 = quantiles(latencies, n=100, method="inclusive")[98]
    return Load(len(latencies), seconds, 1000 * median(latencies), 1000 * p99, used / seconds)


async def _ask_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: Iterator[bytes], latencies: list[float]
) -> None:
    """Raises `ConnectionError` for any answer but 200."""
    for request in waiting:
        asked = time.perf_counter()
        status, body = await exchange(reader, writer, request)
        if status != 200:
            raise ConnectionError(f"{status}: {body.decode()}")
        latencies.append(time.perf_counter() - asked)


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """The status and body of the answer. Raises `ConnectionError` where its length isn't told."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not length:
        raise ConnectionError(head.decode())
    return int(head[9:12]), await reader.readexactly(int(length[1]))


def written(path: str, body: Body | None = None) -> bytes:
    """A request as it is sent."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


if __name__ == "__main__":
    import uvloop  # the server's event loop, so that the client costs as little

    sys.stdout.write(json.dumps(asdict(uvloop.run(ask(int(sys.argv[1]), **json.load(sys.stdin))))))
