"""The benchmark of speed, in small: a server of a few lines, stages that do nothing."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from eval import load, speed
from eval.load import Load


async def serve(asked: Counter[bytes], status: str = "200 OK") -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the test is over
            while head := await reader.readline():
                length = 0
                while (line := await reader.readline()) != b"\r\n":
                    length = int(line.split()[1]) if line.startswith(b"Content-Length:") else length
                asked[head.split()[1] + await reader.readexactly(length)] += 1
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n".encode() + b"ok")
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize("connections", [1, 4])
def test_every_request_is_sent_once_whatever_the_connections(connections: int) -> None:
    async def run() -> tuple[Load, Counter[bytes]]:
        asked: Counter[bytes] = Counter()
        async with await serve(asked) as server:
            port = server.sockets[0].getsockname()[1]
            found = await load.ask(port, [("/a", {"n": 1}), ("/a", {"n": 2})], connections, 11)
            await load.ask(port, [("/b", None)], 1, 3)
        return found, asked

    found, asked = asyncio.run(run())
    assert asked == {b'/a{"n": 1}': 6, b'/a{"n": 2}': 5, b"/b": 3}
    assert found.requests == 11
    assert 0 < found.p50 <= found.p99


def test_an_answer_that_is_an_error_ends_the_run() -> None:
    async def run() -> None:
        async with await serve(Counter(), "503 Service Unavailable") as server:
            await load.ask(server.sockets[0].getsockname()[1], [("/a", None)], 1, 1)

    with pytest.raises(ConnectionError, match="503"):
        asyncio.run(run())


def test_medians_and_rates() -> None:
    loads = [Load(100, seconds, p50, 9.0, 0.5, 0.25) for seconds, p50 in ((1.0, 3.0), (2.0, 2.0), (4.0, 7.0))]
    found = load.middle(loads)
    assert found == Load(100, 2.0, 3.0, 9.0, 0.5, 0.25)
    assert (found.rate, found.rate_per_core) == (50.0, 400.0)


def test_tables() -> None:
    bare, asked = Load(5000, 1.0, 0.2, 0.4, 0.9, 1.0), Load(500, 2.0, 4.0, 12.0, 0.1, 2.0)
    lines = speed.route_table({("bare", 1): [bare], ("ask", 1): [asked]}).splitlines()
    assert lines[2:] == [
        "| bare | 1 | 5,000 | 5,000 | 1.0 | 0.2 | 0.4 | 2.0 | 90% |",
        "| ask | 1 | 250 | 250 | 20.0 | 4.0 | 12.0 | 3.0 | 10% |",
    ]
    assert speed.stage_table({"search": (1.234, 5.678)}).splitlines()[2:] == ["| search | 1.23 | 5.68 |"]


def test_the_bare_route_is_compared_within_each_run() -> None:
    """The second run found the machine half as fast, the third only the bare route's part of it."""
    bare = [Load(100, 1.0, 1.0, 1.0, 0.5, seconds) for seconds in (1.0, 2.0, 2.0)]
    asked = [Load(100, 1.0, 1.0, 1.0, 0.5, seconds) for seconds in (20.0, 40.0, 20.0)]
    assert speed.ratio(bare, asked) == 20.0


def test_each_stage_sees_each_text_once_a_run_and_once_before() -> None:
    seen: list[str] = []
    times = speed.time_stages({"one": seen.append, "two": len}, ["a", "b"], repeats=2)
    assert seen == ["a", "b"] * 3
    assert times.keys() == {"one", "two"}
