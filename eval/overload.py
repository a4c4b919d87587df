"""Five times as many requests as can be answered: how many are, how soon, and how long it takes to recover."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import typer

from api.cli import opened
from eval.arrivals import Answer, Sent, send
from eval.load import Asked, Load, Server, measure, middle, serving
from eval.performance import write_section
from eval.questions import FOLDER, read_questions
from eval.tables import markdown
from ingest.build import say

RELIABILITY = Path(__file__).with_name("reliability.md")
FACTOR = 5
CONNECTIONS = 4
"""As many as are at work at once where capacity is measured: none is refused."""
REPEATS = 3
CALM_SECONDS = 10.0
CALM = 20
"""So many answers in a row, each as soon as 99% of them when nothing else is asked: then it has recovered."""
HEAD = """`/v1/search` and `/v1/ask` half and half, over {questions} dev questions (ja, en, zh), kept nowhere; one
worker on one core, the client on another. Capacity: {connections} connections that ask the next as soon as they are
answered, before and after; unloaded: one connection. Then for {seconds:g} s requests are sent by the clock, {factor}
times as many as that. Latency counts from when a request was to be sent.
"""


@dataclass(frozen=True)
class Overload:
    """Latencies in ms, `recovered` in seconds (None: not in `CALM_SECONDS`); `per_core`: a second of the server's
    processor, which other programs touch less than the clock."""

    capacity: float
    capacity_per_core: float
    unloaded_p50: float
    unloaded_p99: float
    rate: float
    seconds: float
    answered: tuple[float, ...]
    refused: tuple[float, ...]
    other: int
    probes: tuple[float, ...]
    failed_probes: int
    recovered: float | None
    client: float
    server: float

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return len(self.answered) / self.seconds

    @property
    def goodput_per_core(self) -> float:
        return len(self.answered) / self.server


def mixed(texts: Sequence[str]) -> list[Asked]:
    """Each text is searched for and asked, in turn."""
    searches: list[Asked] = [("/v1/search", {"query": text}) for text in texts]
    questions: list[Asked] = [("/v1/ask", {"question": text, "store": False}) for text in texts]
    return [one for both in zip(searches, questions, strict=True) for one in both]


def overload(server: Server, asked: Sequence[Asked], seconds: float, requests: int) -> Overload:
    """`requests`: of each run that measures the capacity."""
    measure(server, asked, CONNECTIONS, len(asked))  # fills what is kept between questions
    unloaded = middle([measure(server, asked, 1, requests) for _ in range(REPEATS)])
    before = [measure(server, asked, CONNECTIONS, requests) for _ in range(REPEATS)]
    rate = FACTOR * middle(before).rate
    say(f"capacity: {middle(before).rate:.0f} requests a second, unloaded p99 {unloaded.p99:.1f} ms")
    sent = send(server, asked, rate, seconds, CALM_SECONDS)
    after = [measure(server, asked, CONNECTIONS, requests) for _ in range(REPEATS)]
    say(f"capacity after it: {middle(after).rate:.0f} requests a second")
    return summed_up(middle([*before, *after]), unloaded, rate, seconds, sent)


def summed_up(capacity: Load, unloaded: Load, rate: float, seconds: float, sent: Sent) -> Overload:
    during = [answer for answer in sent.answers if answer.due < seconds]
    asked = [answer for answer in during if not answer.probe]
    probes = [answer for answer in during if answer.probe]
    return Overload(
        capacity=capacity.rate,
        capacity_per_core=capacity.rate_per_core,
        unloaded_p50=unloaded.p50,
        unloaded_p99=unloaded.p99,
        rate=rate,
        seconds=seconds,
        answered=tuple(answer.ms for answer in asked if answer.status == 200),
        refused=tuple(answer.ms for answer in asked if answer.status == 503),
        other=sum(answer.status not in (200, 503) for answer in asked),
        probes=tuple(answer.ms for answer in probes if answer.status == 200),
        failed_probes=sum(answer.status != 200 for answer in probes),
        recovered=recovered([answer for answer in sent.answers if answer.due >= seconds], seconds, unloaded.p99),
        client=sent.client,
        server=sent.server,
    )


def recovered(answers: Sequence[Answer], end: float, most_ms: float) -> float | None:
    """Seconds from the end of the overload to the first of `CALM` answers in a row that are as before."""
    since = 0
    for number, answer in enumerate(answers):
        if answer.status != 200 or answer.ms > most_ms:
            since = number + 1
        elif number + 1 - since == CALM:
            return answers[since].due - end
    return None


def table(found: Overload) -> str:
    share = found.goodput_per_core / found.capacity_per_core
    rows = {
        "capacity": f"{found.capacity:.0f} requests/s; {found.capacity_per_core:.0f} per second of processor",
        "unloaded": f"p50 {found.unloaded_p50:.1f} ms, p99 {found.unloaded_p99:.1f} ms",
        "sent": f"{found.rate:.0f} requests/s",
        "answered": f"{found.goodput:.0f} requests/s: {found.goodput / found.capacity:.0%} of the capacity",
        "per second of processor": f"{found.goodput_per_core:.0f}: {share:.0%}",
        "their latency": f"{_latency(found.answered)}: {_p99(found.answered) / found.unloaded_p99:.1f} times",
        "refused (503)": f"{len(found.refused):,}, {_latency(found.refused)}",
        "any other end": f"{found.other:,}",
        "/healthz": f"{len(found.probes):,} times, {_latency(found.probes)}, {found.failed_probes} failed",
        "as before again after": f"more than {CALM_SECONDS:g} s"
        if found.recovered is None
        else f"{found.recovered:.1f} s",
        "client": f"{found.client:.0%} of its core",
    }
    return markdown(["", ""], [[name, told] for name, told in rows.items()])


def _latency(values: Sequence[float]) -> str:
    return f"p50 {median(values):.0f} ms, p99 {_p99(values):.0f} ms"


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


def overload_command(
    seconds: Annotated[float, typer.Option(min=1, help="How long too much is asked.")] = 120,
    requests: Annotated[int, typer.Option(min=100, help="Of each run that measures the capacity.")] = 1000,
    out: Annotated[Path, typer.Option(help="Page whose section `Overloaded` is written.")] = RELIABILITY,
) -> None:
    """Five times as many requests as can be answered (two cores, Linux)."""
    with opened() as service:
        texts = [question.text for question in read_questions(FOLDER / "dev.jsonl", service.index.documents())]
    with serving() as (server, _):
        found = overload(server, mixed(texts), seconds, requests)
    head = HEAD.format(questions=len(texts), connections=CONNECTIONS, seconds=seconds, factor=FACTOR)
    write_section("Overloaded", "tenkyo eval bench overload", [head, table(found)], out)
    typer.echo(f"{head}\n{table(found)}")
