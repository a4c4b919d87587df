"""How fast answers come: each stage in process, then the service over HTTP against its own barest route."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from time import process_time
from typing import Annotated, Any

import typer

from api import schemas
from api.admission import STANDING
from api.cli import opened
from api.service import Service
from eval.load import Asked, Load, Server, measure, middle, serving
from eval.performance import PERFORMANCE, write_section
from eval.questions import FOLDER, read_questions
from eval.tables import markdown
from ingest.build import say
from retriever.text import bigrams, words

BARE = "/healthz"
"""Says {"status": "ok"}, through the same server and middleware."""
CONNECTIONS = (1, 4, 16, 64)
_BARE_SHARE = 10
"""So many times as many requests to the bare route, as each is so much shorter."""
Stage = Callable[[str], Any]
HEAD = """In process, one question after the other: milliseconds of processor, median of {repeats} runs over {questions}
dev questions (ja, en, zh).
"""
OVER_HTTP = """Over HTTP: one worker on one core, the client on another, connections kept open; medians of {repeats}
runs of {requests} requests (bare: ten times as many). Requests a second are given on the clock and for each second of
the server's processor, which other programs touch less. `bare / it`: for a second of processor, within a run, in which
routes follow each other; median over the runs. `client`: the share of its core that the client used.
"""


def stages(service: Service) -> dict[str, Stage]:
    """What is timed, by name; a later one holds some of those before it."""
    retriever = service.retriever
    return {
        "encode": lambda text: retriever.embedder.encode_queries([text]),
        "tokenise": lambda text: (words(text), bigrams(text)),
        "lexical search": lambda text: retriever.search(text, mode="lexical"),
        "dense search": lambda text: retriever.search(text, mode="dense"),
        "search": retriever.search,
        "search, proved": lambda text: service.search(schemas.SearchIn(query=text)),
        "ask": lambda text: service.ask(schemas.AskIn(question=text, store=False)),
        "lookup": lambda text: service.lookup(schemas.LookupIn(text=text)),
    }


def time_stages(found: Mapping[str, Stage], texts: Sequence[str], repeats: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of processor by stage: median and 99th percentile over the texts, medians over the repeats."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for number in range(repeats + 1):  # the first round fills what is kept between questions
        for name, stage in found.items():
            taken = [_milliseconds(stage, text) for text in texts]
            if number:
                times[name].append((median(taken), quantiles(taken, n=100, method="inclusive")[98]))
    return {name: (median(p50 for p50, _ in own), median(p99 for _, p99 in own)) for name, own in times.items()}


def _milliseconds(stage: Stage, text: str) -> float:
    started = process_time()
    stage(text)
    return 1000 * (process_time() - started)


def routes(texts: Sequence[str]) -> dict[str, list[Asked]]:
    return {
        "bare": [(BARE, None)],
        "search": [("/v1/search", {"query": text}) for text in texts],
        "ask": [("/v1/ask", {"question": text, "store": False}) for text in texts],
        "lookup": [("/v1/citations/lookup", {"text": text}) for text in texts],
    }


def time_routes(
    server: Server, texts: Sequence[str], requests: int, repeats: int, connections: Sequence[int]
) -> dict[tuple[str, int], list[Load]]:
    """By route and number of connections, one a run. Routes take turns, so that what else the machine does hits all
    alike."""
    found: dict[tuple[str, int], list[Load]] = {}
    for asked in routes(texts).values():
        measure(server, asked, 4, max(100, len(asked)))  # fills what is kept between questions
    for number in range(repeats):
        for at_a_time in connections:
            for name, asked in routes(texts).items():
                own = list(islice(cycle(asked), number * requests, (number + 1) * requests))
                count = _BARE_SHARE * requests if name == "bare" else requests
                found.setdefault((name, at_a_time), []).append(measure(server, own, at_a_time, count))
        say(f"run {number + 1} of {repeats} over HTTP")
    return found


def stage_table(times: Mapping[str, tuple[float, float]]) -> str:
    return markdown(
        ["stage", "median", "p99"], [[name, f"{p50:.2f}", f"{p99:.2f}"] for name, (p50, p99) in times.items()]
    )


def route_table(loads: Mapping[tuple[str, int], Sequence[Load]]) -> str:
    header = ["route", "connections", "requests/s", "per core", "bare / it", "p50 ms", "p99 ms", "p99 / p50", "client"]
    rows = [
        [
            name,
            str(at_a_time),
            f"{load.rate:,.0f}",
            f"{load.rate_per_core:,.0f}",
            f"{ratio(loads['bare', at_a_time], own):.1f}",
            f"{load.p50:.1f}",
            f"{load.p99:.1f}",
            f"{load.p99 / load.p50:.1f}",
            f"{load.client:.0%}",
        ]
        for (name, at_a_time), own in sorted(
            loads.items(), key=lambda item: (list(routes([])).index(item[0][0]), item[0][1])
        )
        for load in [middle(own)]
    ]
    return markdown(header, rows)


def ratio(bare: Sequence[Load], other: Sequence[Load]) -> float:
    """How many times as many requests the bare route answers in a second of processor. The machine's cores are shared:
    the runs of one moment are compared, not the medians of all."""
    return median(one.rate_per_core / two.rate_per_core for one, two in zip(bare, other, strict=True))


def speed_command(
    repeats: Annotated[int, typer.Option(min=1, help="Runs, of which medians are taken.")] = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests a run and route.")] = 500,
    connections: Annotated[list[int] | None, typer.Option(help="How many at a time, once or more often.")] = None,
    out: Annotated[Path, typer.Option(help="Page whose section `Speed` is written.")] = PERFORMANCE,
) -> None:
    """Each stage in process, and requests over HTTP, with the server's start and memory (two cores, Linux)."""
    with opened() as service:
        texts = [question.text for question in read_questions(FOLDER / "dev.jsonl", service.index.documents())]
        times = time_stages(stages(service), texts, repeats)
        say("in process: done")
    waiting = {"TENKYO_MOST_WAITING": str(int(max(connections or CONNECTIONS) / STANDING))}
    with serving(**waiting) as (server, seconds):
        memory = server.memory()
        loads = time_routes(server, texts, requests, repeats, connections or CONNECTIONS)
        grown = server.memory()
    answered = sum(load.requests for (name, _), own in loads.items() if name != "bare" for load in own)
    lines = [
        HEAD.format(repeats=repeats, questions=len(texts)),
        stage_table(times),
        OVER_HTTP.format(repeats=repeats, requests=requests),
        route_table(loads),
        f"The server was ready after {seconds:.1f} s; it then held {memory:.0f} MB, after some {answered:,} questions "
        f"{grown:.0f} MB.",
    ]
    write_section("Speed", "tenkyo eval bench speed", lines, out)
    typer.echo("\n".join(lines))
