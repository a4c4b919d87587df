"""A segment that is being written: batch by batch, so that a million passages never lie in memory."""

import json
import multiprocessing
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retriever import dense
from retriever.fields import FIELDS, Inverted, Texts, invert_fields, texts_of
from retriever.integrity import file_hashes, sync
from retriever.postings import Spool, write_postings
from retriever.records import LANGUAGES, Asked, Document, Passage
from retriever.segment import KINDS
from retriever.store import StoreFile


@dataclass(frozen=True)
class Contents:
    """Some documents of a segment, with all their passages.

    `vectors` (N, D) of the passages; `asked[i]` the questions written for passage i, `asked_vectors` (Q, D)
    theirs, one after the other; `names`: by document id, Latin form → Japanese name, as it glosses them.
    """

    documents: Sequence[Document]
    passages: Sequence[Passage]
    vectors: NDArray[np.float32]
    asked: Sequence[Sequence[Asked]]
    asked_vectors: NDArray[np.float32]
    names: Mapping[str, Mapping[str, str]]


class Written(NamedTuple):
    """A segment that was written: `hashes` by file."""

    name: str
    hashes: dict[str, str]
    passages: int


def write_segment(segments: Path, batches: Iterable[Contents], large: int = dense.LARGE) -> Written:
    """Write a segment under a temporary name, then give it the name of its contents' hash.

    `large`: from how many vectors on they have codes.
    """
    folder = segments / f"writing-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with closing(Draft(folder)) as draft:
        for contents, inverted in _inverted(batches):
            draft.append(contents, inverted)
        draft.finish(large)
    hashes = file_hashes(folder)
    name = sha256("".join(hashes.values()).encode()).hexdigest()[:16]
    for file in hashes:
        sync(folder / file)
    if (segments / name).exists() and file_hashes(segments / name) == hashes:
        shutil.rmtree(folder)
    else:  # new, or the one that has this name is damaged
        shutil.rmtree(segments / name, ignore_errors=True)
        folder.rename(segments / name)
    sync(segments)
    return Written(name, hashes, draft.passages)


class Draft:
    """The files of a segment, open for more."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._store = StoreFile(folder / "store.sqlite")
        self._spools = [Spool(folder / f"{field}.runs") for field in FIELDS]
        self._vectors = {
            name: dense.VectorFile(folder / f"{name}.npy") for name in ("dense", *map("asked-{}".format, LANGUAGES))
        }
        self._documents: dict[str, str | None] = {}
        self._order: dict[str, int] = {}
        self._names: dict[str, Mapping[str, str]] = {}
        self._columns: dict[str, list[NDArray[np.integer]]] = {
            name: [] for name in ("documents", "kinds", *map("askers-{}".format, LANGUAGES))
        }
        self.passages = 0

    def append(self, contents: Contents, inverted: Inverted) -> None:
        passages = contents.passages
        self._store.append(contents.documents, passages, contents.asked, inverted.asked_words)
        self._documents |= {document.doc_id: document.published for document in contents.documents}
        self._names |= contents.names
        for document in contents.documents:
            self._order.setdefault(document.doc_id, len(self._order))
        self._columns["documents"].append(
            np.fromiter((self._order[p.doc_id] for p in passages), np.int32, len(passages))
        )
        self._columns["kinds"].append(np.fromiter((KINDS.index(p.kind) for p in passages), np.uint8, len(passages)))
        self._vectors["dense"].append(contents.vectors)
        self._append_asked(contents)
        for spool, run in zip(self._spools, inverted.runs, strict=True):
            spool.append(run)
        self.passages += len(passages)

    def _append_asked(self, contents: Contents) -> None:
        """Each language by itself: a question is compared with those written in its own."""
        askers = np.repeat(np.arange(len(contents.asked)), [len(questions) for questions in contents.asked])
        languages = np.asarray([question.language for questions in contents.asked for question in questions], object)
        for language in LANGUAGES:
            mine = languages == language
            self._columns[f"askers-{language}"].append(self.passages + askers[mine])
            self._vectors[f"asked-{language}"].append(contents.asked_vectors[mine])

    def close(self) -> None:
        self._store.close()

    def finish(self, large: int) -> None:
        self._store.finish()
        for name, columns in self._columns.items():
            np.save(self._folder / f"{name}.npy", np.concatenate(columns))
        for name, values in (("documents", self._documents), ("names", self._names)):
            (self._folder / f"{name}.json").write_text(json.dumps(values, ensure_ascii=False), "utf-8")
        for name in self._vectors:
            dense.write_codes(self._folder / f"{name}.npy", self._folder / f"{name}.codes", large)
        write_postings(self._spools, self._folder / "postings")
        for spool in self._spools:
            spool.remove()


def _inverted(batches: Iterable[Contents]) -> Iterator[tuple[Contents, Inverted]]:
    """Each batch with its postings; by other processes where there is more than one batch."""
    rest = iter(batches)
    first = list(islice(rest, 2))
    if len(first) < 2:
        for contents in first:
            yield contents, invert_fields(_texts(contents))
        return
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[tuple[Contents, Future[Inverted]]] = deque()
        for contents in chain(first, rest):
            waiting.append((contents, pool.submit(invert_fields, _texts(contents))))
            if len(waiting) > 2 * workers:
                earliest, inverted = waiting.popleft()
                yield earliest, inverted.result()
        for earliest, inverted in waiting:
            yield earliest, inverted.result()


def _texts(contents: Contents) -> list[Texts]:
    by_id = {document.doc_id: document for document in contents.documents}
    return [
        texts_of(by_id[passage.doc_id], passage, asked)
        for passage, asked in zip(contents.passages, contents.asked, strict=True)
    ]
