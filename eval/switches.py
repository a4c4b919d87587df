"""The index changes again and again while questions come: does any fail, does any answer mix two generations?"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from api.citations.quotes import squeeze
from api.cli import opened
from api.service import open_embedder
from api.settings import PROJECT, Settings
from eval.load import exchange, on_core, serving, written
from eval.overload import CONNECTIONS, RELIABILITY, mixed
from eval.performance import write_section
from eval.questions import FOLDER, read_questions
from ingest import build
from ingest.build import say
from ingest.expand import read_expansions
from ingest.load import find_sources, load
from retriever.generations import current_generation
from retriever.readers import wait_for_readers

DOC_ID = "switched"
QUESTION = "量子計算センターの職員は何人ですか"
TEXT = "量子計算センターの第{number}版の要覧によると、量子計算センターの職員は{staff:,}人である。\n"
_ENTRY = '[[documents]]\nid = "{id}"\nfile = "{id}.txt"\nsha256 = "{sha256}"\ntitle = "要覧"\nlanguage = "ja"\n'
_SHARE = 4
"""One question in so many is about the document that changes."""
_SECONDS = 60.0
SECTION = """A document of the index is replaced {switches} times, with the five reports beside it, while
{connections} connections ask without a pause (`/v1/search` and `/v1/ask`; one in {share} is about that document). Every
quote of every answer is then proved in the texts of the generation that the answer names.

{answers:,} answers from {generations} generations: {failed} failed requests, {mixed} answers with a quote that its
generation doesn't hold.
"""
Answer = tuple[int, dict[str, Any]]
"""Status and body."""
Sources = Mapping[str, Mapping[str, str]]
"""Texts by generation and document."""


@dataclass(frozen=True)
class Switched:
    """Failed requests, and answers that no single generation could give."""

    answers: int
    generations: int
    failed: int
    mixed: int


class Versions:
    """A corpus with the shipped documents and one that changes."""

    def __init__(self, settings: Settings):
        self.settings = settings
        shutil.copytree(PROJECT / "corpus", settings.corpus)
        self._manifest = (settings.corpus / "manifest.toml").read_text("utf-8")
        self._embedder = open_embedder(settings)
        self._expansions = read_expansions(settings.expansions)
        self._shipped = {document.doc_id: document.text for document in map(load, find_sources(settings.corpus))}

    def publish(self, number: int) -> tuple[str, Mapping[str, str]]:
        """Returns once the service, if there is one, answers from it: its name and its texts."""
        text, corpus = TEXT.format(number=number, staff=1000 + number), self.settings.corpus
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        (corpus / f"{DOC_ID}.txt").write_text(text, "utf-8")
        entry = _ENTRY.format(id=DOC_ID, sha256=sha256)
        (corpus / "manifest.toml").write_text(f"{self._manifest}\n{entry}", "utf-8")
        build.ingest(self.settings.index, [corpus], self._embedder, self._expansions, lambda line: None)
        behind, generation = wait_for_readers(self.settings.index, _SECONDS), current_generation(self.settings.index)
        if behind or not generation:
            raise TimeoutError(f"The service doesn't answer from generation {generation} after {_SECONDS:g} s.")
        return generation, self._shipped | {DOC_ID: text}


def quotes(answer: Mapping[str, Any]) -> list[tuple[str, list[list[int]], str]]:
    """Document, spans and text of all that an answer, or a search, shows of the sources."""
    nearest = (answer.get("abstention") or {}).get("nearest", [])
    cited = [(one["doc_id"], one["spans"], one["quote"]) for one in [*answer.get("citations", []), *nearest]]
    return cited + [(hit["doc_id"], hit["spans"], hit["text"]) for hit in answer.get("hits", [])]


def holds(answer: Mapping[str, Any], sources: Sources) -> bool:
    """Whether all quotes stand in the generation that the answer names."""
    texts = sources.get(answer["index_generation"], {})
    return all(
        doc_id in texts and squeeze("".join(texts[doc_id][start:end] for start, end in spans)) == squeeze(quote)
        for doc_id, spans, quote in quotes(answer)
    )


def summed_up(answers: Sequence[Answer], sources: Sources) -> Switched:
    given = [body for status, body in answers if status == 200]
    generations = {body["index_generation"] for body in given}
    mixed = sum(not holds(body, sources) for body in given)
    return Switched(len(given), len(generations), len(answers) - len(given), mixed)


async def switch(versions: Versions, port: int, requests: Sequence[bytes], switches: int) -> Switched:
    """Publishes one generation after the other while questions come."""
    answers: list[Answer] = []
    sources = dict([await asyncio.to_thread(versions.publish, 0)])
    askers = [asyncio.create_task(_ask(port, requests[start:], answers)) for start in range(CONNECTIONS)]
    for number in range(1, switches + 1):
        generation, texts = await asyncio.to_thread(versions.publish, number)
        sources[generation] = texts
        if number % 10 == 0:
            say(f"{number} of {switches} switches, {len(answers):,} answers")
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    return summed_up(answers, sources)


async def _ask(port: int, requests: Sequence[bytes], answers: list[Answer]) -> None:
    """Until it is cancelled. A connection that breaks is a failed request, too."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in cycle(requests):
                status, body = await exchange(reader, writer, request)
                answers.append((status, json.loads(body)))
                if status != 200:
                    say(f"{status}: {body.decode()}")
        except (OSError, asyncio.IncompleteReadError):
            answers.append((0, {}))
        finally:
            writer.close()


def asked(texts: Sequence[str]) -> list[bytes]:
    """As they are sent: mostly the questions given, now and then the one about the document that changes."""
    own = mixed([QUESTION])
    every = [one for i, other in enumerate(mixed(texts)) for one in ([other] if i % _SHARE else [own[i // _SHARE % 2]])]
    return [written(path, body) for path, body in every]


def switches_command(
    switches: Annotated[int, typer.Option(min=1, help="How often the index changes.")] = 50,
    out: Annotated[Path, typer.Option(help="Page whose section `Switched` is written.")] = RELIABILITY,
) -> None:
    """The index changes while questions come (two cores, Linux)."""
    with opened() as service:
        texts = [question.text for question in read_questions(FOLDER / "dev.jsonl", service.index.documents())]
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", corpus=Path(folder) / "corpus")
        versions = Versions(settings)
        versions.publish(0)
        with serving(TENKYO_HOME=str(settings.home), TENKYO_CORPUS=str(settings.corpus)) as (server, _), on_core(1):
            found = asyncio.run(switch(versions, server.port, asked(texts), switches))
    told = SECTION.format(switches=switches, connections=CONNECTIONS, share=_SHARE, **vars(found))
    write_section("Switched", "tenkyo eval bench switches", [told], out)
    typer.echo(told)
