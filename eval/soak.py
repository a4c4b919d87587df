"""Everything that people and programs ask, for half an hour: does the service's memory grow?"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer

from api.cli import opened
from eval.arrivals import Arrivals
from eval.load import Asked, Server, on_core, serving, written
from eval.overload import RELIABILITY
from eval.performance import write_section
from eval.questions import FOLDER, read_questions
from ingest.build import say

ASK = "/v1/ask"
RATE = 30
"""Requests a second: some third of what one core answers."""
SETTLED_MINUTE = 5
"""What is kept between questions has been filled by then."""
_STREAM_SECONDS = 0.5
_SHARES = {"search": 30, "ask": 25, "ask, kept": 15, "lookup": 12, "read": 10, "bad": 8}
"""Percent of the requests; besides, a stream is cut off every half second."""
SECTION = """{minutes} minutes, {requests:,} requests at {rate} a second (percent: {shares}), in ja, en and zh,
and {cut:,} streams cut off after their first bytes. Ended as they should: {right:,}; sent away (503), as the machine
was busy with other things: {shed:,}; otherwise: {wrong:,}. What is kept between questions (passages read, words looked
up) has fixed sizes and has mostly come by minute {settled}; kept answers grow on the disk. Resident memory after each
minute, in MB:

{memory}

From minute {settled} to the end: {growth:+.1%}.
"""


def mix(texts: Sequence[str], documents: Sequence[str], seed: int = 1) -> list[tuple[Asked, int]]:
    """Some thousand requests, drawn, each with the status that it should have."""
    drawn = random.Random(seed)
    kinds = drawn.choices(list(_SHARES), list(_SHARES.values()), k=5000)
    return [_one(kind, drawn.choice(texts), drawn.choice(documents), drawn) for kind in kinds]


def _one(kind: str, text: str, doc_id: str, drawn: random.Random) -> tuple[Asked, int]:
    if kind == "search":
        return ("/v1/search", {"query": text, "mode": drawn.choice(["hybrid", "lexical", "dense"])}), 200
    if kind == "lookup":
        return ("/v1/citations/lookup", {"text": text}), 200
    if kind == "read":
        paths = ["/v1/documents", f"/v1/documents/{doc_id}/source", f"/v1/documents/{doc_id}/passages", "/v1/answers"]
        return (drawn.choice([*paths, "/", f"/documents/{doc_id}", "/metrics"]), None), 200
    if kind == "bad":
        bad: list[tuple[Asked, int]] = [
            ((ASK, {"question": ""}), 422),
            (("/v1/search", {"query": text, "top_k": 1000}), 422),
            (("/v1/search", {"query": text, "filters": {"doc_ids": ["nobody"]}}), 404),
            (("/v1/answers/nothing", None), 404),
            ((f"/nothing/{drawn.random()}", None), 404),
        ]
        return drawn.choice(bad)
    return (ASK, {"question": text, "store": kind == "ask, kept"}), 200


class Soak:
    """`memory`: MB after each minute; `ends`: how many requests ended `right`, were `shed` or ended `wrong`; `cut`:
    streams that were cut off."""

    def __init__(self, server: Server, asked: Sequence[tuple[Asked, int]]):
        self.memory: list[float] = []
        self.ends: Counter[str] = Counter()
        self.cut = 0
        self._server = server
        self._asked = deque((written(*one), status) for one, status in asked)
        self._streams = [written(path, body | {"stream": True}) for (path, body), _ in asked if body and path == ASK]

    @property
    def growth(self) -> float:
        """From when all is settled to the end."""
        return self.memory[-1] / self.memory[min(SETTLED_MINUTE, len(self.memory)) - 1] - 1

    async def run(self, minutes: int, seconds: float = 60.0) -> None:
        """`seconds`: how long a minute is."""
        cutting = asyncio.create_task(self._cut_streams())
        for minute in range(minutes):
            with closing(Arrivals(self._server.port)) as arrivals:  # so that the client keeps nothing
                await arrivals.by_the_clock([request for request, _ in self._asked], RATE, seconds)
            by_time = sorted(arrivals.answers, key=lambda answer: answer.due)
            for answer, (_, expected) in zip(by_time, cycle(self._asked), strict=False):
                self.ends[_end(answer.status, expected)] += 1
            self._asked.rotate(-len(by_time))
            self.memory.append(self._server.memory())
            say(f"minute {minute + 1}: {self.memory[-1]:.1f} MB, {dict(self.ends)}, {self.cut} streams cut off")
        cutting.cancel()
        await asyncio.wait([cutting])

    async def _cut_streams(self) -> None:
        """Each is left after its first bytes."""
        for request in cycle(self._streams):
            _, writer = connection = await asyncio.open_connection("127.0.0.1", self._server.port)
            writer.write(request)
            await connection[0].read(100)
            writer.close()
            self.cut += 1
            await asyncio.sleep(_STREAM_SECONDS)

    def told(self) -> str:
        shares = ", ".join(f"{kind} {share}" for kind, share in _SHARES.items())
        return SECTION.format(
            minutes=len(self.memory),
            requests=sum(self.ends.values()),
            rate=RATE,
            shares=shares,
            cut=self.cut,
            right=self.ends["right"],
            shed=self.ends["shed"],
            wrong=self.ends["wrong"],
            memory=", ".join(f"{memory:.0f}" for memory in self.memory),
            settled=SETTLED_MINUTE,
            growth=self.growth,
        )


def _end(status: int, expected: int) -> str:
    if status == expected:
        return "right"
    return "shed" if status == 503 else "wrong"


def soak_command(
    minutes: Annotated[int, typer.Option(min=1, help="How long.")] = 30,
    out: Annotated[Path, typer.Option(help="Page whose section `Soaked` is written.")] = RELIABILITY,
) -> None:
    """A mix of all that is asked, for half an hour: memory after each minute (two cores, Linux)."""
    with opened() as service:
        documents = service.index.documents()
        texts = [question.text for question in read_questions(FOLDER / "dev.jsonl", documents)]
    with serving() as (server, _), on_core(1):
        soak = Soak(server, mix(texts, [document.doc_id for document in documents]))
        asyncio.run(soak.run(minutes))
    write_section("Soaked", "tenkyo eval bench soak", [soak.told()], out)
    typer.echo(soak.told())
