"""A segment: passages with their postings and vectors, immutable and hashed."""

import hashlib
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
from retriever.records import Document, Passage
from retriever.store import Store, write_store
from retriever.text import bigrams, words

KINDS = ("prose", "table", "slide")
FIELDS = ("words", "bigrams", "headings")
"""What is matched: content words, character bigrams, and the words of title and section names."""


def field_terms(title: str, passage: Passage) -> dict[str, list[str]]:
    headings = " ".join(dict.fromkeys((title, *passage.section)))
    return {"words": words(passage.text), "bigrams": bigrams(passage.text), "headings": words(headings)}


def embedding_text(passage: Passage) -> str:
    """What of a passage is embedded: its section names give a bare row or bullet its subject."""
    return " ".join((*passage.section, passage.text))


def write_segment(
    segments: Path, documents: Sequence[Document], passages: Sequence[Passage], vectors: NDArray[np.float32]
) -> str:
    """Write a segment under a temporary name, then give it the name of its contents' hash; return that name."""
    folder = segments / f"writing-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_store(folder / "store.sqlite", documents, passages)
    titles = {document.doc_id: document.title for document in documents}
    terms = [field_terms(titles[passage.doc_id], passage) for passage in passages]
    for field in FIELDS:
        save_postings(build_postings([t[field] for t in terms]), folder / field)
    order = {doc_id: number for number, doc_id in enumerate(titles)}
    np.save(folder / "documents.npy", np.fromiter((order[p.doc_id] for p in passages), np.int32, len(passages)))
    np.save(folder / "kinds.npy", np.fromiter((KINDS.index(p.kind) for p in passages), np.uint8, len(passages)))
    (folder / "documents.txt").write_text("\n".join(titles), "utf-8")
    dense = faiss.IndexFlatIP(vectors.shape[1])
    dense.add(vectors)
    faiss.write_index(dense, str(folder / "dense.faiss"))
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
    """`documents` (N,): each passage's document as a place in `doc_ids`; `kinds` (N,): places in `KINDS`."""

    name: str
    store: Store
    fields: Mapping[str, Postings]
    documents: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    doc_ids: tuple[str, ...]
    dense: Any

    def __len__(self) -> int:
        return len(self.documents)


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
    )
