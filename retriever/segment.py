"""A segment: passages with their postings and vectors, immutable and hashed."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retriever.errors import IndexDamaged
from retriever.lexical import Postings, build_postings, load_postings, save_postings
from retriever.records import Asked, Document, Passage
from retriever.store import Store, write_store
from retriever.text import bigrams, in_japanese_forms, words

KINDS = ("prose", "table", "slide")
FIELDS = ("words", "bigrams", "headings", "asked_words", "asked_bigrams")
"""What is matched: content words, character bigrams, the words of title, section names and date, and the words
and bigrams of the questions that were written for the passage."""


def field_terms(document: Document, passage: Passage, asked: Sequence[Asked]) -> dict[str, list[str]]:
    headings = " ".join(dict.fromkeys((document.title, *passage.section, written_date(document.published))))
    questions = [in_japanese_forms(question.text, question.language) for question in asked]
    return {
        "words": words(passage.text),
        "bigrams": bigrams(passage.text),
        "headings": words(headings),
        "asked_words": [term for question in questions for term in words(question)],
        "asked_bigrams": [term for question in questions for term in bigrams(question)],
    }


def written_date(published: str | None) -> str:
    """2025-09-25 → 2025年9月25日, at the precision that is known."""
    parts = (published or "").split("-")
    return "".join(f"{int(part)}{unit}" for part, unit in zip(parts, "年月日", strict=False) if part)


def embedding_text(passage: Passage) -> str:
    """What of a passage is embedded: its section names give a bare row or bullet its subject."""
    return " ".join((*passage.section, passage.text))


@dataclass(frozen=True)
class Contents:
    """What a segment is made of.

    `vectors` (N, D) of the passages; `asked[i]` the questions written for passage i, `asked_vectors` (Q, D)
    theirs, one after the other; `names`: by document id, Latin form → Japanese name, as it glosses them.
    """

    documents: Sequence[Document]
    passages: Sequence[Passage]
    vectors: NDArray[np.float32]
    asked: Sequence[Sequence[Asked]]
    asked_vectors: NDArray[np.float32]
    names: Mapping[str, Mapping[str, str]]


def write_segment(segments: Path, contents: Contents) -> str:
    """Write a segment under a temporary name, then give it the name of its contents' hash; return that name."""
    documents, passages = contents.documents, contents.passages
    folder = segments / f"writing-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_store(folder / "store.sqlite", documents, passages, contents.asked)
    by_id = {document.doc_id: document for document in documents}
    terms = [
        field_terms(by_id[passage.doc_id], passage, asked)
        for passage, asked in zip(passages, contents.asked, strict=True)
    ]
    for field in FIELDS:
        save_postings(build_postings([t[field] for t in terms]), folder / field)
    order = {doc_id: number for number, doc_id in enumerate(by_id)}
    np.save(folder / "documents.npy", np.fromiter((order[p.doc_id] for p in passages), np.int32, len(passages)))
    np.save(folder / "kinds.npy", np.fromiter((KINDS.index(p.kind) for p in passages), np.uint8, len(passages)))
    (folder / "documents.txt").write_text("\n".join(by_id), "utf-8")
    (folder / "names.json").write_text(json.dumps(dict(contents.names), ensure_ascii=False), "utf-8")
    _write_vectors(contents.vectors, folder / "dense.faiss")
    _write_vectors(contents.asked_vectors, folder / "asked.faiss")
    np.save(folder / "askers.npy", np.repeat(np.arange(len(passages)), [len(a) for a in contents.asked]))
    hashes = file_hashes(folder)
    name = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()[:16]
    for file in hashes:
        sync(folder / file)
    if (segments / name).exists() and file_hashes(segments / name) == hashes:
        shutil.rmtree(folder)
    else:  # new, or the one that has this name is damaged
        shutil.rmtree(segments / name, ignore_errors=True)
        folder.rename(segments / name)
    sync(segments)
    return name


def _write_vectors(vectors: NDArray[np.float32], path: Path) -> None:
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    faiss.write_index(flat, str(path))


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_files(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise `IndexDamaged`, naming the file, unless the folder holds exactly what its manifest says."""
    if not folder.is_dir():
        raise IndexDamaged(f"Index segment {folder.name} is missing. Run `tenkyo ingest` to build it again.")
    actual = file_hashes(folder)
    for file in sorted(expected.keys() | actual.keys()):
        if actual.get(file) != expected.get(file):
            raise IndexDamaged(
                f"Index file {folder.name}/{file} has SHA-256 {actual.get(file, '(missing)')}, "
                f"its manifest says {expected.get(file, '(no such file)')}. Run `tenkyo ingest` to build it again."
            )


@dataclass(frozen=True)
class Segment:
    """`documents` (N,): each passage's document as a place in `doc_ids`; `kinds` (N,): places in `KINDS`.

    `dense`: the passages' vectors; `asked`: those of the questions written for them; `askers` (Q,): the passage
    of each question; `names`: as in `Contents`.
    """

    name: str
    store: Store
    fields: Mapping[str, Postings]
    documents: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    doc_ids: tuple[str, ...]
    dense: Any
    asked: Any
    askers: NDArray[np.int64]
    names: Mapping[str, Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def expanded(self) -> NDArray[np.bool_]:
        """(N,): whether questions were written for the passage."""
        written: NDArray[np.bool_] = np.bincount(self.askers, minlength=len(self)) > 0
        return written

    def asked_of(self, number: int) -> tuple[tuple[Asked, ...], NDArray[np.float32]]:
        """The questions (Q) written for a passage, and their vectors (Q, D)."""
        start, end = (int(row) for row in self.askers.searchsorted([number, number + 1]))
        return tuple(self.store.asked_of(number)), self.asked.reconstruct_n(start, end - start)


def read_documents(folder: Path) -> list[Document]:
    """A segment's documents alone; the rest of it may be damaged."""
    store = Store(folder / "store.sqlite")
    try:
        return list(store.documents())
    finally:
        store.close()


def open_segment(folder: Path) -> Segment:
    return Segment(
        folder.name,
        Store(folder / "store.sqlite"),
        {field: load_postings(folder / field) for field in FIELDS},
        np.load(folder / "documents.npy", mmap_mode="r"),
        np.load(folder / "kinds.npy", mmap_mode="r"),
        tuple((folder / "documents.txt").read_text("utf-8").split("\n")),
        faiss.read_index(str(folder / "dense.faiss")),
        faiss.read_index(str(folder / "asked.faiss")),
        np.load(folder / "askers.npy"),
        json.loads((folder / "names.json").read_text("utf-8")),
    )
