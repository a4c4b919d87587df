"""The command line: results on stdout, progress on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import asyncio
import gc
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel, ValidationError

from api import schemas
from api.export import Format
from api.exposure import check_exposure
from api.holder import ServiceHolder
from api.service import Service, open_embedder, open_service
from api.settings import Settings
from api.stores import open_store
from api.terminal import answer_text, indent, ink_of_stdout
from ingest import build
from ingest.doc2query import write_questions
from ingest.expand import read_expansions
from ingest.gather import document_ids, keep_files
from ingest.language_model import LanguageModel
from ingest.library import Library, known_entry
from ingest.load import Source, blank_pages_note
from ingest.stores import Store
from retriever.embed import Embedder
from retriever.errors import TenkyoError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Answers about China's AI sector from Japanese reports, each quote checked against its place in a source.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as the HTTP service answers.")]
Keep = Annotated[bool, typer.Option("--keep/--no-keep", help="Keep the answer, for `tenkyo export`.")]


def _address(base_url: str) -> str:
    if base_url and not base_url.startswith(("http://", "https://")):
        raise typer.BadParameter("it must begin with http:// or https://.")
    return base_url


BaseUrl = Annotated[str, typer.Option(help="Address of the service, for links that open anywhere.", callback=_address)]
_BEHIND_SECONDS = 60
TopK = Annotated[int, typer.Option(min=1, max=50, help="How many results.")]


@contextmanager
def clear_errors() -> Iterator[None]:
    """An error that a person can act on is one line on stderr: exit code 2 for wrong usage, else 1."""
    try:
        yield
    except ValidationError as error:
        typer.echo(f"tenkyo: {_fields(error)}", err=True)
        raise typer.Exit(1 if error.title == Settings.__name__ else 2) from None
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"tenkyo: {error.filename or 'a file'}: {error.strerror or error}.", err=True)
        raise typer.Exit(1) from None
    except (TenkyoError, sqlite3.Error) as error:
        typer.echo(f"tenkyo: {error}", err=True)
        raise typer.Exit(1) from None


def _fields(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {e['msg']} (given: {str(e['input'])[:60]!r})" for e in error.errors()
    )


@contextmanager
def opened() -> Iterator[Service]:
    with clear_errors():
        service = open_service(Settings())
        if service.degraded:
            typer.echo(f"tenkyo: {service.degraded}", err=True)
        try:
            yield service
        finally:
            service.close()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that answer, on one index.")] = None,
) -> None:
    """Serve over HTTP; builds the index first if it is missing or stale."""
    gc.disable()  # until the first collection of the service that runs: what is loaded now stays
    from api import serving  # what only a service needs

    with clear_errors():
        settings = Settings()
        host, port = host or settings.host, settings.port if port is None else port
        check_exposure(host, settings)
        listener = serving.listen(host, port)
        service = serving.prepare(settings)
    serving.run(settings, service, listener, workers or settings.workers)


def _what_builds(settings: Settings) -> tuple[Store, Embedder, build.Expansions]:
    return open_store(settings), open_embedder(settings), read_expansions(settings.expansions)


@app.command()
def mcp() -> None:
    """Serve an agent over stdin and stdout (Model Context Protocol); the running service does it at /mcp, too."""
    from api.tools import create_server

    with clear_errors():
        settings = Settings()
        logging.basicConfig(level="WARNING", format="%(levelname)s %(name)s: %(message)s")
        holder = ServiceHolder(settings)
        try:
            asyncio.run(create_server(holder.current).run_stdio_async())
        finally:
            holder.close()


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; the corpus where none is given.")
    ] = None,
    expand: Annotated[
        bool, typer.Option("--expand", help="Have the language model write questions for passages that have none.")
    ] = False,
    remove: Annotated[
        list[str] | None, typer.Option(help="Id of a document to take out, for good: no answer cites it any more.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take documents in (PDF, Word, HTML, Markdown, text), or out. What hasn't changed is left alone."""
    with clear_errors():
        settings = Settings()
        store, embedder, expansions = _what_builds(settings)
        library = store.library()
        given: list[Path | Source] = [*paths] if paths else [] if remove else [settings.corpus, *library.sources()]
        library.restore(document_ids(paths or []))
        if remove:
            _note_removed(remove, store, library)
        outcome = store.ingest(given, embedder, expansions, build.say, [settings.corpus])
        keep_files(paths or [], library, (*outcome.added, *outcome.unchanged))
        if expand:
            _write_questions(settings)
            again = read_expansions(settings.expansions)
            outcome = store.ingest(given, embedder, again, build.say)
        if behind := store.wait_for_readers(_BEHIND_SECONDS):
            build.say(f"{behind} running services still answer from the index before.")
        result = schemas.IngestOut.model_validate(outcome, from_attributes=True)
        _show(result, as_json, _ingest_text(result))


def _note_removed(doc_ids: list[str], store: Store, library: Library) -> None:
    """Raises `NotFound` before anything is removed."""
    known = store.corpus()
    for doc_id in doc_ids:
        if doc_id not in known:
            known_entry(library, doc_id)
    library.remove(doc_ids)


def _ingest_text(result: schemas.IngestOut) -> str:
    lines = [f"{d.file}: its text is there already, as {d.doc_id}" for d in result.duplicates]
    lines += [f"{doc_id}: {blank_pages_note(pages)}" for doc_id, pages in result.blank_pages.items()]
    taken_out = f"{len(result.removed)} taken out, " if result.removed else ""
    counts = f"{len(result.added)} documents taken in, {taken_out}{len(result.unchanged)} unchanged, "
    return "\n".join([*lines, f"{counts}{result.passages} passages, generation {result.generation}"])


def _write_questions(settings: Settings) -> None:
    """For every passage of the index that has none. The documents are searchable already."""
    if not (settings.llm_base_url and settings.llm_model):
        raise TenkyoError("--expand needs a language model: set TENKYO_LLM_BASE_URL and TENKYO_LLM_MODEL.")
    known = read_expansions(settings.expansions)
    key = settings.llm_api_key.get_secret_value()
    model = LanguageModel(settings.llm_base_url, settings.llm_model, key)
    with opened() as service:
        for document in service.index.documents():
            passages = service.index.passages_of(document.doc_id)
            own = known.get(document.source_sha256, [])
            write_questions(document, passages, own, model, settings.own_expansions, build.say)


@app.command()
def search(
    query: str, top_k: TopK = 5, mode: Literal["hybrid", "lexical", "dense"] = "hybrid", as_json: Json = False
) -> None:
    """Passages that match a query, best first."""
    with opened() as service:
        request = schemas.SearchIn.model_validate({"query": query, "top_k": top_k, "mode": mode})
        result = service.search(request)
        lines = [
            f"{hit.rank}. {hit.title} ({hit.published or 'undated'})  {hit.passage_id}\n{indent(hit.text)}"
            for hit in result.hits
        ]
        _show(result, as_json, "\n\n".join(lines) or "No passage matches.")


@app.command()
def ask(
    question: str,
    top_k: TopK = 5,
    mode: Annotated[
        Literal["auto", "extractive", "generative"],
        typer.Option(help="Have the language model write the answer (auto: where one is configured)."),
    ] = "auto",
    keep: Keep = False,
    base_url: BaseUrl = "",
    as_json: Json = False,
) -> None:
    """An answer made of quotes, with their sources; or one that a language model writes from them."""
    fields = {"question": question, "top_k": top_k, "mode": mode, "store": keep}
    with opened() as service:
        answer = asyncio.run(service.answered(schemas.AskIn.model_validate(fields)))
        _show(answer, as_json, answer_text(answer, ink_of_stdout(base_url)))
        if answer.degraded:
            typer.echo(f"tenkyo: {answer.degraded}", err=True)
        if keep:
            kept = f"kept as {answer.answer_id}" if answer.answer_id else "not kept: TENKYO_KEEP_ANSWERS_DAYS is 0"
            typer.echo(f"tenkyo: {kept}", err=True)


@app.command()
def export(
    answer_id: str,
    kind: Annotated[Format, typer.Option("--format", help="Kind of file.")] = "html",
    output: Annotated[Path | None, typer.Option(help="File to write; standard output where none is given.")] = None,
    base_url: BaseUrl = "",
) -> None:
    """A kept answer as an evidence pack, each quote checked against today's documents."""
    with opened() as service:
        content = service.export(answer_id, kind, base_url).content
        if output:
            output.write_bytes(content)
        else:
            typer.echo(content, nl=False)


@app.command()
def lookup(text: str, top_k: TopK = 5, as_json: Json = False) -> None:
    """The places that say just this, or nearly."""
    with opened() as service:
        found = service.lookup(schemas.LookupIn.model_validate({"text": text, "top_k": top_k}))
        lines = [f"{m.similarity:.2f}  {m.title}  {m.url}{_differ(m)}\n{indent(m.quote)}" for m in found.matches]
        _show(found, as_json, "\n".join([found.status, *lines]))


def _differ(match: schemas.MatchOut) -> str:
    return "" if match.numbers_agree else "  (its figures differ)"


@app.command()
def documents(as_json: Json = False) -> None:
    """The documents that are indexed."""
    with opened() as service:
        found = schemas.DocumentsOut(documents=service.documents(), next_cursor=None)
        lines = [f"{d.doc_id}  {d.published or '-':10}  {d.passages:5} passages  {d.title}" for d in found.documents]
        _show(found, as_json, "\n".join(lines))


def _show(result: BaseModel, as_json: bool, text: str) -> None:
    typer.echo(result.model_dump_json(indent=2) if as_json else text)
