"""What an ingest was given: all sources read, each content once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.extracted import Extractions
from ingest.library import Library
from ingest.load import Source, content_id, find_sources, is_named_by_content, load
from retriever.errors import SourceRefused
from retriever.records import Document


@dataclass(frozen=True)
class Duplicate:
    """A file that was left out: its content, or its text, is there already as another document."""

    file: str
    doc_id: str


def sources_of(paths: Sequence[Path | Source]) -> list[Source]:
    return [source for path in paths for source in ([path] if isinstance(path, Source) else find_sources(path))]


def load_all(paths: Sequence[Path | Source], extractions: Extractions | None = None) -> dict[str, Document]:
    """All sources by id. Raises `SourceRefused` where two different ones claim one id."""
    documents: dict[str, Document] = {}
    for source in sources_of(paths):
        document = load(source, extractions)
        other = documents.setdefault(document.doc_id, document)
        if other != document and other.text != document.text:
            raise SourceRefused(f"{source.shown}: its id {document.doc_id!r} belongs to another source of this ingest.")
        if source.metadata:
            documents[document.doc_id] = document
    return documents


def without_copies(
    given: Mapping[str, Document], kept: Mapping[str, Document]
) -> tuple[dict[str, Document], tuple[Duplicate, ...]]:
    """Leave out nameless files whose content or text is there already, or comes with a name in the same ingest."""
    named = [document for document in given.values() if not is_named_by_content(document)]
    there: dict[str, str] = {}
    taken: dict[str, Document] = {}
    duplicates: list[Duplicate] = []
    for document in (*kept.values(), *named):
        there |= {document.file_sha256: document.doc_id, document.source_sha256: document.doc_id}
    for doc_id, document in given.items():
        same = there.get(document.file_sha256) or there.get(document.source_sha256)
        if document in named or same is None:
            taken[doc_id] = document
            there |= {document.file_sha256: doc_id, document.source_sha256: doc_id}
        elif same != doc_id:
            duplicates.append(Duplicate(document.filename or doc_id, same))
    return taken, tuple(duplicates)


def document_ids(paths: Sequence[Path]) -> list[str]:
    """The ids that files will have. Raises `SourceRefused`."""
    return [source.metadata.get("id") or content_id(source) for source in sources_of(paths)]


def keep_files(paths: Sequence[Path], library: Library, doc_ids: Sequence[str]) -> None:
    """Keep copies of the nameless files among these documents, so that the index can be built again without them.

    Those that are there stay as they are; a run that was killed before it kept them, or damage, leaves some out.
    """
    for source in sources_of(paths):
        if not source.metadata and (doc_id := content_id(source)) in doc_ids and not library.holds(doc_id):
            library.add(source.path.read_bytes(), source.path.name, {}, "ready")
