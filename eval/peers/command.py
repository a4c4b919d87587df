"""`tenkyo eval bench peers`: the tables on stdout and in `eval/performance.md`, progress on stderr."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from api.cli import clear_errors, opened
from api.service import Service
from eval.ablation import QUESTION_ARMS, with_weights, without
from eval.peers import report
from eval.peers.adapters import PEERS, Entry
from eval.peers.comparison import LIMIT_S, ROUND, K, Ranking, compare, over_places
from eval.peers.corpus import Text, read_pairs, read_texts
from eval.performance import write_section
from eval.questions import FOLDER, read_questions
from eval.rankers import InProcess, place_of
from eval.retrieval import measure
from ingest.build import embed, say
from retriever.embed import StaticModel

SIZES = (10_000, 100_000)
QUESTIONS = 400


def peers_command(
    data: Annotated[Path, typer.Option(help="Folder with the benchmark data (*.jsonl.gz).")],
    size: Annotated[list[int] | None, typer.Option(help="How many passages; may be given several times.")] = None,
    questions: Annotated[int, typer.Option(min=10, help="How many JaQuAD questions each tool is asked.")] = QUESTIONS,
) -> None:
    """txtai, Haystack and LlamaIndex (`pip install -e '.[peers]'`) on the same passages: finds, speed, memory."""
    missing = [entry for entry in PEERS if entry.version is None]
    entries = [entry for entry in PEERS if entry.version is not None]
    for entry in missing:
        say(f"{entry.name}: {report.MISSING}")
    before = os.getloadavg()[0]
    with opened() as service:
        lines = [report.SETUP, "", *_shipped(service, entries, missing)]
    with clear_errors():
        for count in size or SIZES:
            lines += ["", *_wide(data, count, questions, entries, missing)]
    lines += ["", _notes(before, os.getloadavg()[0])]
    sizes = "".join(f" --size {count}" for count in size or ())
    write_section("Beside other tools", f"tenkyo eval bench peers --data PATH{sizes} --questions {questions}", lines)
    typer.echo("\n".join(lines))


def _shipped(service: Service, entries: list[Entry], missing: list[Entry]) -> list[str]:
    """Ours as shipped and with less, then each tool over the same passages: ours as it treats a new document."""
    documents = service.index.documents()
    dev = [q for q in read_questions(FOLDER / "dev.jsonl", documents) if q.answerable]
    passages = [(p, d) for d in documents for p in service.index.passages_of(d.doc_id)]
    places = [place_of(passage, document) for passage, document in passages]
    texts = [Text(" ".join(passage.section), passage.text) for passage, _ in passages]
    bare = with_weights(service, without(*QUESTION_ARMS, "glossary"))
    rankings: Iterator[Ranking] = chain(
        [
            ("Tenkyo, as shipped", InProcess(service).rank),
            ("Tenkyo, written questions and glossary off", bare.rank),
        ],
        over_places(entries, StaticModel(), places, texts),
    )
    rows: dict[str, report.Values] = {}
    for name, rank in rankings:
        named = "Tenkyo, both off, with the weights of a new document" if name == "Tenkyo" else name
        rows[named] = measure(dev, {q.id: rank(q.text) for q in dev}, places)
        say(named)
    return report.shipped_lines(dev, rows, missing)


def _wide(data: Path, count: int, questions: int, entries: list[Entry], missing: list[Entry]) -> list[str]:
    texts = read_texts(data, count)
    pairs = read_pairs(data, texts, questions + 1)
    vectors = embed([text.whole for text in texts], "passages", StaticModel().encode_passages, lambda message: None)
    outcomes = compare(entries, texts, vectors, pairs)
    return report.wide_lines(count, outcomes, pairs[:-1], missing)


def _notes(before: float, after: float) -> str:
    """`before`, `after`: the machine's load in the last minute."""
    return f"""\
Each tool ran in a process of its own: the indexes were built side by side, then each had its turn every {ROUND}
questions on one core. Processor time is the tool's own, the clock counts what else ran (load {before:.1f} at first,
{after:.1f} at last). The build is processor time, the vectors aside. p: of the difference in R@{K} from Tenkyo's
(paired randomisation test). After {LIMIT_S} s of processor time a tool was asked no more: its figures rest on fewer
questions. *Tenkyo's speed*: by processor time, against that tool's."""
