"""Documents → a new generation of the index. What hasn't changed is neither parsed nor embedded again."""

import hashlib
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest import chunk, clean, structure
from ingest.expand import Expansion, attach, check
from ingest.gather import Duplicate, load_all, sources_of, without_copies
from ingest.library import Library
from ingest.load import Source, load
from ingest.names import glossed_names
from retriever.draft import Contents, write_segment
from retriever.embed import Embedder
from retriever.errors import IndexDamaged, IndexMismatch, IndexMissing, SourceRefused
from retriever.fields import embedding_text
from retriever.generations import (
    Manifest,
    last_known_documents,
    last_known_segments,
    publish,
    read_manifest,
    retriever_versions,
    writing,
)
from retriever.index import Index, open_index
from retriever.records import Document, Passage
from retriever.segment import read_documents

Progress = Callable[[str], None]
Expansions = Mapping[str, Sequence[Expansion]]
"""SHA-256 of a source text → questions for its spans."""
NONE: Expansions = {}
Encode = Callable[[Sequence[str]], NDArray[np.float32]]

_BATCH = 2048
_MOST_SEGMENTS = 8
_SMALL = 1000
"""Passages of a segment that is written again with others; more cost more than they save."""


@dataclass(frozen=True)
class Outcome:
    """What an ingest did: document ids by what became of them; pages that have no text, by document."""

    generation: str
    added: tuple[str, ...]
    unchanged: tuple[str, ...]
    passages: int
    removed: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    blank_pages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def versions(embedder: Embedder) -> dict[str, str]:
    """What made the index: the retriever's versions, and those that cut the text into passages."""
    return retriever_versions(embedder.name) | {
        "cleaning": str(clean.VERSION),
        "structure": str(structure.VERSION),
        "chunking": f"{chunk.VERSION}/{chunk.TARGET_CHARACTERS}/{chunk.MOST_CHARACTERS}/{chunk.MOST_TOKENS}",
        "tokens": _encoding_hash(),
    }


@cache
def _encoding_hash() -> str:
    return hashlib.sha256(chunk.ENCODING.read_bytes()).hexdigest()


def is_current(
    root: Path,
    paths: Sequence[Path],
    embedder: Embedder,
    expansions: Expansions = NONE,
    library: Library | None = None,
) -> bool:
    """Whether an index exists, is whole and holds just these sources as they are, and a library's.

    Raises `SourceRefused`.
    """
    try:
        open_index(root, embedder.name).close()
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return False
    manifest = read_manifest(root)
    return manifest.versions == versions(embedder) and holds(manifest.corpus, paths, expansions, library)


def holds(
    corpus: Mapping[str, str], paths: Sequence[Path], expansions: Expansions = NONE, library: Library | None = None
) -> bool:
    """Whether documents, given as fingerprints by id, are these sources as they are, with a library's, and none that
    was removed. Raises `SourceRefused`."""
    removed = library.removed() if library else frozenset()
    own = {entry.doc_id for entry in library.entries() if entry.status == "ready"} if library else set()
    given = (document for document in map(load, sources_of(paths)) if document.doc_id not in removed)
    return (
        not removed.intersection(corpus)
        and corpus.keys() >= own - removed
        and all(corpus.get(document.doc_id) == fingerprint(document, expansions) for document in given)
    )


def fingerprint(document: Document, expansions: Expansions) -> str:
    """Of a document's text, of what is said about it and of its questions: if one changes, it is indexed anew."""
    asked = [(e.spans, e.questions) for e in expansions.get(document.source_sha256, ())]
    return hashlib.sha256(repr((replace(document, joins=(), filename=None), asked)).encode()).hexdigest()


def ingest(
    root: Path,
    paths: Sequence[Path | Source],
    embedder: Embedder,
    expansions: Expansions = NONE,
    progress: Progress = say,
    library: Library | None = None,
    again: Sequence[Path] = (),
) -> Outcome:
    """Take in files and folders, with the questions that were written for them, and switch to the
    new generation. What a library holds to be removed is left out, and taken out. `again`: what is read anew, like
    a library's files, where a damaged index has lost a document.

    All sources are read and checked before anything is written: one that is refused (`SourceRefused`,
    `BadExpansions`) leaves the index as it was. Raises `IndexBusy` where another process is writing.
    """
    given = load_all(paths, library)
    with writing(root):
        old = _usable(root, embedder, progress)
        removed = library.removed() if library else frozenset()
        known_before = _kept_documents(root, old, progress)
        if not old:
            given = _lost(root, known_before, [*again, *(library.sources() if library else ())], library) | given
        kept = {i: d for i, d in known_before.items() if i not in removed}
        added, duplicates = without_copies({i: d for i, d in given.items() if i not in removed}, kept)
        documents = kept | added
        known = old.manifest.corpus if old else {}
        for document in documents.values():
            check(expansions.get(document.source_sha256, ()), document)
        corpus = {doc_id: fingerprint(document, expansions) for doc_id, document in documents.items()}
        new = [document for doc_id, document in documents.items() if known.get(doc_id) != corpus[doc_id]]
        gone = tuple(doc_id for doc_id in known if doc_id not in documents)
        if old and not new and not gone:
            progress(f"nothing new: {len(documents)} documents are indexed as they are")
            return Outcome(old.generation, (), tuple(documents), old.manifest.passages, (), duplicates)
        manifest = _write(root, old, new, gone, expansions, corpus, embedder, progress)
    unchanged = tuple(doc_id for doc_id in documents if known.get(doc_id) == corpus[doc_id])
    blank = {document.doc_id: document.blank_pages for document in new if document.blank_pages}
    added_ids = tuple(document.doc_id for document in new)
    return Outcome(manifest.generation, added_ids, unchanged, manifest.passages, gone, duplicates, blank)


def _usable(root: Path, embedder: Embedder, progress: Progress) -> Index | None:
    """The present generation if its segments can be built upon."""
    try:
        index = open_index(root, embedder.name)
    except IndexMissing:
        return None
    except (IndexDamaged, IndexMismatch) as error:
        progress(f"building anew: {error}")
        return None
    if index.manifest.versions == versions(embedder):
        return index
    progress("building anew: the text is now cut into passages in another way")
    index.close()
    return None


def _kept_documents(root: Path, old: Index | None, progress: Progress) -> dict[str, Document]:
    """Documents that are in the index already: they stay, also where everything is built anew.

    A damaged index is read store by store, so that one broken segment costs no other its documents.
    """
    if old:
        return {document.doc_id: document for document in old.documents()}
    kept: dict[str, Document] = {}
    for segment, deleted in last_known_segments(root).items():
        try:
            found = read_documents(root / "segments" / segment)
        except (OSError, ValueError, TypeError, sqlite3.Error) as error:
            progress(f"segment {segment} can't be read ({type(error).__name__}): give its documents' files again")
            continue
        for document in found:
            if not _is_whole(document):
                progress(f"the text of {document.doc_id} is damaged in the index: give its file again")
            elif document.doc_id not in deleted:
                kept[document.doc_id] = document
    return kept


def _lost(
    root: Path, kept: Mapping[str, Document], sources: Sequence[Path | Source], library: Library | None
) -> dict[str, Document]:
    """Documents that the index held and that can't be read from it any more, from where they came."""
    lost = last_known_documents(root).difference(kept)
    return {i: document for i, document in load_all(sources, library).items() if i in lost} if lost else {}


def _is_whole(document: Document) -> bool:
    return hashlib.sha256(document.text.encode()).hexdigest() == document.source_sha256


def _write(
    root: Path,
    old: Index | None,
    new: Sequence[Document],
    gone: Sequence[str],
    expansions: Expansions,
    corpus: Mapping[str, str],
    embedder: Embedder,
    progress: Progress,
) -> Manifest:
    """A segment with what is new, and a generation that leaves out what is gone or replaced."""
    replaced = {*gone, *(document.doc_id for document in new)}
    merged = _of_small_segments(old, replaced) if old and new else []
    fresh = [*new, *merged]
    replaced |= {document.doc_id for document in merged}
    marks = old.manifest.deleted if old else {}
    before = old.segments if old else ()
    living = [s for s in before if set(s.doc_ids) - replaced - set(marks.get(s.name, ()))]
    hashes = {s.name: old.manifest.segments[s.name] for s in living} if old else {}
    kept = sum(n for doc_id, n in old.passage_counts.items() if doc_id not in replaced) if old else 0
    if fresh or not living:  # an index has one, if an empty one
        written = write_segment(root / "segments", contents_of(fresh, expansions, embedder, progress))
        hashes = {name: files for name, files in hashes.items() if name != written.name}
        hashes[written.name] = written.hashes  # one that comes back holds no dead document
        living = [s for s in living if s.name != written.name]
        kept += written.passages
    deleted = {s.name: sorted({*marks.get(s.name, ()), *replaced.intersection(s.doc_ids)}) for s in living}
    return publish(root, hashes, deleted, versions(embedder), corpus, kept)


def _of_small_segments(old: Index, replaced: Collection[str]) -> list[Document]:
    """Documents that go into the new segment as well, where there are many small ones: each costs every search."""
    if len(old.segments) < _MOST_SEGMENTS:
        return []
    small = {doc_id for segment in old.segments if len(segment) <= _SMALL for doc_id in segment.doc_ids}
    return [document for document in old.documents() if document.doc_id in small.difference(replaced)]


def contents_of(
    new: Sequence[Document], expansions: Expansions, embedder: Embedder, progress: Progress
) -> Iterator[Contents]:
    """In batches of whole documents; an empty one where there are none."""
    documents: list[Document] = []
    passages: list[Passage] = []
    for number, document in enumerate(new, start=1):
        read, found = chunk.read_document(document)
        if not found:
            raise SourceRefused(
                f"{document.doc_id} ({document.title[:40]}): nothing in it could be shown as a passage.", "no_text"
            )
        documents.append(read)
        passages += found
        progress(f"[{number}/{len(new)}] {document.doc_id}: {len(document.text):,} characters, {len(found)} passages")
        if len(passages) >= _BATCH:
            yield _embedded(documents, passages, expansions, embedder, progress)
            documents, passages = [], []
    if documents or not new:
        yield _embedded(documents, passages, expansions, embedder, progress)


def _embedded(
    documents: Sequence[Document],
    passages: Sequence[Passage],
    expansions: Expansions,
    embedder: Embedder,
    progress: Progress,
) -> Contents:
    """The documents and their passages with vectors, and with the questions that were written for them."""
    asked = attach(passages, {d.doc_id: expansions.get(d.source_sha256, ()) for d in documents})
    questions = [question.text for own in asked for question in own]
    return Contents(
        documents,
        passages,
        embed([embedding_text(passage) for passage in passages], "passages", embedder.encode_passages, progress),
        asked,
        embed(questions, "questions", embedder.encode_queries, progress),
        {document.doc_id: glossed_names(document.text) for document in documents},
    )


def embed(texts: Sequence[str], what: str, encode: Encode, progress: Progress) -> NDArray[np.float32]:
    """(texts, dimensions), in batches with progress; `what` they are is said there."""
    batches = [encode([])]  # the number of dimensions, where there is no text
    for start in range(0, len(texts), _BATCH):
        batches.append(encode(texts[start : start + _BATCH]))
        progress(f"embedded {min(start + _BATCH, len(texts)):,} of {len(texts):,} {what}")
    return np.concatenate(batches)
