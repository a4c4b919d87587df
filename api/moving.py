"""`tenkyo move`: brings an index, a person's documents and kept answers from this machine's disk into a cluster."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer
from pydantic import SecretStr

from api import schemas
from api.cli import Json, clear_errors
from api.kept import KeptAnswers
from api.service import open_embedder
from api.settings import Settings
from ingest import build
from ingest.library import Library
from retriever.errors import StoreRefused
from retriever.index import open_index

_AT_ONCE = 100


def move(
    to: Annotated[str, typer.Option(help="Address of the cluster; TENKYO_MILVUS_URI where none is given.")] = "",
    as_json: Json = False,
) -> None:
    """Bring the index on this disk into a Milvus cluster, with documents and kept answers. Killed, it goes on."""
    with clear_errors():
        given = Settings()
        settings = given.model_copy(update={"milvus_uri": to or given.milvus_uri})
        result = moved(settings, settings.milvus_token)
    told = f"{len(result.added)} documents brought over, {len(result.unchanged)} were there already, "
    text = f"{told}{result.passages} passages, generation {result.generation}"
    typer.echo(result.model_dump_json(indent=2) if as_json else text)


def moved(settings: Settings, token: SecretStr) -> schemas.IngestOut:
    """What is there already is left alone. Raises as the index, the library and the cluster do."""
    from api.kept_shared import SharedAnswers
    from ingest.clustered import Milvus

    if not settings.milvus_uri:
        raise StoreRefused("Where to? Give --to http://host:port/database, or set TENKYO_MILVUS_URI.")
    embedder = open_embedder(settings)
    with (
        closing(open_index(settings.index, embedder.name)) as index,
        closing(Milvus(settings.milvus_uri, token.get_secret_value(), settings.library)) as store,
    ):
        outcome = store.move(index, embedder, build.say)
        _move_library(Library(settings.library), store.library())
        if settings.answers.exists():
            with closing(KeptAnswers(settings.answers, settings.keep_answers_days)) as kept:
                answers = SharedAnswers(store.cluster, settings.keep_answers_days)
                for count, answer in enumerate(_all(kept), start=1):
                    answers.keep(answer)
                    if count % _AT_ONCE == 0:
                        build.say(f"{count:,} kept answers are in Milvus")
    return schemas.IngestOut.model_validate(outcome, from_attributes=True)


def _move_library(own: Library, shared: Library) -> None:
    """A document's entry comes last: killed before it, the document is brought over again."""
    there = {entry.doc_id for entry in shared.entries()}
    shared.remove(own.removed() - shared.removed())
    for entry in own.entries():
        path = own.files / entry.file_sha256
        if entry.doc_id in there or not path.exists():
            continue
        if extracted := own.find(entry.file_sha256):
            shared.keep(entry.file_sha256, extracted)
        shared.keep_file(entry.file_sha256, path.read_bytes())
        shared.save(entry)
        build.say(f"{entry.filename} is in Milvus")


def _all(kept: KeptAnswers) -> Iterator[dict[str, object]]:
    start = 0
    while answers := kept.newest(start, _AT_ONCE):
        yield from answers
        start += len(answers)
