"""`tenkyo doctor`: what is damaged, what it means, what puts it right; exit 0 all is well, 1 not, 2 wrong usage."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli import Json, clear_errors
from api.kept import SCHEMA, KeptAnswersFailed, read_body
from api.service import open_embedder, read_kept
from api.settings import Settings
from api.stores import open_store
from ingest import build
from ingest.expand import read_expansions
from ingest.gather import document_ids
from ingest.health import REPAIR, Finding, check_disk, check_index, check_library, check_questions, is_whole
from ingest.library import Library
from ingest.load import Source
from ingest.repair import forget_damaged, put_aside, repair_library, repair_questions
from retriever.embed import Embedder
from retriever.errors import IndexDamaged, IndexMismatch, IndexMissing, StoreRefused, StoreUnreachable
from retriever.fallback import open_last_good
from retriever.generations import check_versions, current_generation, read_manifest
from retriever.index import open_index
from retriever.records import Document

_LEAST_ROW = 64
"""Bytes of a kept answer's row, far less than any has."""


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be put right.")] = False,
    as_json: Json = False,
) -> None:
    """Look for damage in the index, documents, kept answers and disk; say what it means and what to do."""
    with clear_errors():
        settings = Settings()
        embedder = open_embedder(settings)
        found = list(look(settings, embedder))
        done = list(put_right(settings, embedder)) if repair and found and settings.store == "disk" else []
        left = list(look(settings, embedder)) if repair else found
    if as_json:
        told = {"healthy": not left, "findings": [asdict(finding) for finding in left], "repaired": done}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join([*done, *map(_shown, left)]) if done or left else "All is well.")
    raise typer.Exit(1 if left else 0)


def _shown(finding: Finding) -> str:
    return f"{finding.place}: {finding.problem}\n  {finding.means}\n  What to do: {finding.repair}"


def look(settings: Settings, embedder: Embedder) -> Iterator[Finding]:
    """At what the settings name: this machine's disk, or the cluster, where documents and answers are then."""
    if settings.store == "disk":
        yield from examine(settings, embedder.name)
        return
    from ingest.clustered import Milvus

    try:
        store = open_store(settings)
        assert isinstance(store, Milvus)
        with closing(store):
            yield from store.examine(embedder)
    except (StoreUnreachable, StoreRefused, IndexMissing, IndexMismatch) as error:
        yield Finding("milvus", str(error), "No question can be answered.", "See to the cluster, or its address.")


def examine(settings: Settings, model: str) -> Iterator[Finding]:
    yield from check_disk(settings.home)
    yield from check_index(settings.index, model)
    yield from check_library(Library(settings.library))
    yield from check_questions(settings.own_expansions)
    yield from check_answers(settings.answers)


def check_answers(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            state = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            broken = sum(not _is_answer(*row) for row in connection.execute("SELECT answer_id, body FROM answers"))
        problem = (
            f"{broken} kept answers can't be read." if broken else "" if state == "ok" else f"It is damaged: {state}."
        )
    except sqlite3.Error as error:
        problem = f"It is damaged: {error}."
    if problem:
        yield Finding(path.name, problem, "Questions are answered; kept answers can't all be read or added to.", REPAIR)


def _is_answer(answer_id: str, body: str) -> bool:
    try:
        return read_kept(read_body(answer_id, body)).answer_id == answer_id
    except KeptAnswersFailed:
        return False


def put_right(settings: Settings, embedder: Embedder) -> Iterator[str]:
    """What was done, a line each. Raises `IndexBusy` where another process is writing the index."""
    library = Library(settings.library)
    yield from repair_questions(settings.own_expansions)
    if list(check_answers(settings.answers)):
        yield repair_answers(settings.answers)
    shipped = document_ids([settings.corpus]) if settings.corpus.exists() else []
    yield from repair_library(library, _documents(settings, embedder, library), shipped)
    if not _is_current_whole(settings.index, embedder.name):
        given: list[Path | Source] = [*([settings.corpus] if settings.corpus.exists() else []), *library.sources()]
        questions = read_expansions(settings.expansions)
        outcome = build.ingest(settings.index, given, embedder, questions, library=library)
        yield f"index: built again as generation {outcome.generation}, with {outcome.passages} passages."
    yield from forget_damaged(settings.index)


def _is_current_whole(root: Path, model: str) -> bool:
    try:
        check_versions(read_manifest(root), model)
    except (IndexMissing, IndexMismatch, IndexDamaged):
        return False
    return is_whole(root, current_generation(root) or "")


def _documents(settings: Settings, embedder: Embedder, library: Library) -> dict[str, Document]:
    """Those of the index, or of the last good one."""
    try:
        index = open_index(settings.index, embedder.name)
    except (IndexMissing, IndexMismatch):
        return {}
    except IndexDamaged as damage:
        try:
            index = open_last_good(settings.index, embedder.name, frozenset(), damage)
        except IndexDamaged:
            return {}
    with closing(index):
        return {document.doc_id: document for document in index.documents()}


def repair_answers(path: Path) -> str:
    """A new file with the answers that can be read, put in the place of the damaged one, which is kept aside."""
    rows = list(_readable(path))
    draft = path.with_name(f".{path.name}.writing")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft)) as connection:
        connection.executescript(SCHEMA)
        with connection:
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)
    aside = put_aside(path)
    for ending in ("-wal", "-shm"):  # they belong to the damaged file, and would be written into the new one
        beside = path.with_name(path.name + ending)
        if beside.exists():
            shutil.move(beside, aside.with_name(aside.name + ending))
    draft.replace(path)
    return f"{path.name}: {len(rows)} answers saved; the damaged file is kept as {aside.name}."


def _readable(path: Path) -> Iterator[tuple[str, str, str]]:
    """Row by row: a damaged page costs only its own."""
    with closing(sqlite3.connect(path)) as connection:
        last = path.stat().st_size // _LEAST_ROW
        with suppress(sqlite3.Error):
            last = connection.execute("SELECT max(rowid) FROM answers").fetchone()[0] or 0
        for number in range(1, last + 1):
            with suppress(sqlite3.Error):
                query = "SELECT answer_id, created, body FROM answers WHERE rowid = ?"
                row = connection.execute(query, (number,)).fetchone()
                if row and _is_answer(row[0], row[2]):
                    yield row
