"""The index in a cluster: any number of processes take documents in, and any number of services answer from it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from ingest.build import Expansions, Outcome, Progress, contents_of, fingerprint, holds, versions
from ingest.expand import check
from ingest.gather import load_all, without_copies
from ingest.health import Finding
from ingest.library import Library
from ingest.load import Source
from ingest.shared_library import SharedLibrary
from retriever.draft import Contents
from retriever.embed import Embedder
from retriever.errors import IndexBusy, IndexDamaged, IndexMissing
from retriever.index import Index
from retriever.milvus import schema
from retriever.milvus.catalogue import Catalogue, Entry
from retriever.milvus.cluster import Cluster
from retriever.milvus.following import FRESH_SECONDS, Follower
from retriever.milvus.schema import PASSAGES, QUESTIONS
from retriever.milvus.terms import lengths_version
from retriever.milvus.writing import check_rows, claim, clean, take_out, write
from retriever.readers import Reader
from retriever.records import Document
from retriever.view import View

_WAIT_SECONDS = 120.0
"""For a document that another process is writing."""
_LOOK_SECONDS = 0.5
_MANY = 256
"""Passages from which on Milvus is told to build their indexes at once."""


def store_versions(embedder: Embedder) -> dict[str, str]:
    return versions(embedder) | {"average_lengths": lengths_version()}


class Milvus:
    """See `Store`. The folder holds copies of files that are being read."""

    hurries = True

    def __init__(self, uri: str, token: str, folder: Path):
        self.cluster = Cluster(uri, token)
        self._follower = Follower(self.cluster)
        self._folder = folder
        self._is_made = False
        self._written = float("-inf")

    def library(self) -> Library:
        schema.create_records(self.cluster)
        return SharedLibrary(self.cluster, self._folder)

    def generation(self) -> str | None:
        self._is_made = self._is_made or schema.read_versions(self.cluster) is not None
        return self._follower.generation() if self._is_made else None

    def check(self, generation: str) -> None:
        self._follower.check_fresh(generation)

    def open(self, embedder: Embedder, fall_back: bool = True) -> tuple[View, str]:
        return self._follower.open(store_versions(embedder)), ""

    def reader(self) -> Reader | None:
        """None: each looks for itself, and answers nothing where it can't."""
        return None

    def wait_for_readers(self, seconds: float) -> int:
        """By then each has looked since the last write of this process, or answers nothing."""
        time.sleep(max(0.0, min(seconds, self._written + FRESH_SECONDS - time.monotonic())))
        return 0

    def corpus(self) -> Mapping[str, str]:
        """Raises `IndexMissing`, and as `Cluster` does."""
        if schema.read_versions(self.cluster) is None:
            raise IndexMissing(f"There is no index in Milvus at {self.cluster.shown} yet.")
        return {doc_id: entry.fingerprint for doc_id, entry in self._follower.look().documents.items()}

    def ingest(
        self,
        paths: Sequence[Path | Source],
        embedder: Embedder,
        expansions: Expansions,
        progress: Progress,
        again: Sequence[Path] = (),
    ) -> Outcome:
        """Each document is seen as soon as it is whole. What is there and isn't given stays as it is."""
        self._make(embedder)
        library = self.library()
        removed = library.removed()
        given = {i: d for i, d in load_all(paths, library).items() if i not in removed}
        there = self._follower.look().documents
        added, duplicates = without_copies(given, {i: _light(e) for i, e in there.items() if i not in removed})
        for document in added.values():
            check(expansions.get(document.source_sha256, ()), document)
        wanted = {i: fingerprint(document, expansions) for i, document in added.items()}
        gone = tuple(doc_id for doc_id in there if doc_id in removed)
        take_out(self.cluster, [there[doc_id] for doc_id in gone])

        def read(doc_id: str) -> Contents:
            return next(contents_of([added[doc_id]], expansions, embedder, progress))

        new = write_all(self.cluster, wanted, read, progress)
        if new or gone:
            self._written = time.monotonic()
        after = self._follower.look()
        unchanged = tuple(doc_id for doc_id in after.documents if doc_id not in new)
        blank = {i: added[i].blank_pages for i in new if added[i].blank_pages}
        return Outcome(after.generation, new, unchanged, after.passages, gone, duplicates, blank)

    def is_current(self, paths: Sequence[Path], embedder: Embedder, expansions: Expansions) -> bool:
        if schema.read_versions(self.cluster) is None:
            return False
        schema.check(self.cluster, store_versions(embedder))
        return holds(self.corpus(), paths, expansions, self.library())

    def is_unchanged(self, model: str, made_of: Sequence[Path]) -> bool:
        """Others write, too: it is looked at each time."""
        return False

    def note_unchanged(self, model: str, made_of: Sequence[Path]) -> None:
        pass

    def move(self, index: Index, embedder: Embedder, progress: Progress) -> Outcome:
        """Bring over what an index on the disk holds, vectors too: nothing is read or embedded again.

        Killed, it goes on with what is missing. Raises `IndexMismatch` where the index was made by another program.
        """
        schema.create(self.cluster, embedder.dimensions, store_versions(embedder))
        schema.check(self.cluster, index.versions)
        schema.check(self.cluster, store_versions(embedder))
        held = moved(index)
        there = self._follower.look().documents
        unchanged = tuple(i for i, (print_, _) in held.items() if i in there and there[i].fingerprint == print_)
        new = write_all(self.cluster, {i: f for i, (f, _) in held.items()}, lambda i: held[i][1](), progress)
        after = self._follower.look()
        return Outcome(after.generation, new, unchanged, after.passages)

    def examine(self, embedder: Embedder) -> Iterator[Finding]:
        """Whether all rows of each document are there, and its text is what was written. Raises as `open`."""
        index = self._follower.open(store_versions(embedder))
        for entry in index.snapshot.documents.values():
            try:
                check_rows(self.cluster, entry)
                index.document(entry.doc_id)
            except (IndexBusy, IndexDamaged) as error:
                means = "Nothing of this document can be cited, or not all of it is found."
                repair = f"tenkyo ingest --remove {entry.doc_id}, then give its file again: tenkyo ingest FILE."
                yield Finding("milvus", str(error), means, repair, entry.doc_id)

    def _make(self, embedder: Embedder) -> None:
        wanted = store_versions(embedder)
        schema.create(self.cluster, embedder.dimensions, wanted)
        schema.check(self.cluster, wanted)

    def close(self) -> None:
        self._follower.close()
        self.cluster.close()


def write_all(
    cluster: Cluster, wanted: Mapping[str, str], read: Callable[[str], Contents], progress: Progress
) -> tuple[str, ...]:
    """Write the documents (their fingerprints by id) that aren't there; those that were written here.

    What another process is writing is left to it, and waited for. Raises `IndexBusy` where that takes too long.
    """
    catalogue = Catalogue(cluster)
    written: list[str] = []
    passages, deadline = 0, time.monotonic() + _WAIT_SECONDS
    while left := _missing(catalogue, wanted):
        for doc_id in left:
            if not _missing(catalogue, {doc_id: wanted[doc_id]}) or not (
                entry := claim(cluster, catalogue, doc_id, wanted[doc_id])
            ):
                continue
            contents = read(doc_id)
            write(cluster, entry, contents)
            written.append(doc_id)
            passages += len(contents.passages)
            progress(f"[{len(wanted) - len(_missing(catalogue, wanted))}/{len(wanted)}] {doc_id} is in Milvus")
            deadline = time.monotonic() + _WAIT_SECONDS
        if (left := _missing(catalogue, wanted)) and time.monotonic() > deadline:
            raise IndexBusy(f"Another process is taking in {left[0]}. Wait for it to finish, then try again.")
        time.sleep(_LOOK_SECONDS if left else 0)
    if passages >= _MANY:
        for collection in (PASSAGES, QUESTIONS):
            cluster.flush(collection)
    clean(cluster, catalogue, progress)
    return tuple(written)


def _missing(catalogue: Catalogue, wanted: Mapping[str, str]) -> list[str]:
    """Those that aren't ready now."""
    catalogue.look()
    there = catalogue.snapshot.documents
    return [i for i, print_ in wanted.items() if i not in there or there[i].fingerprint != print_]


def moved(index: Index) -> dict[str, tuple[str, Callable[[], Contents]]]:
    """By document id, its fingerprint and how its contents are had from an index on the disk."""
    places = places_of(index)
    return {
        doc_id: (index.manifest.corpus[doc_id], partial(contents_at, index, doc_id, own))
        for doc_id, own in places.items()
    }


def places_of(index: Index) -> dict[str, range]:
    """Where the passages of each document lie: one after the other."""
    found: dict[str, range] = {}
    for segment, offset in zip(index.segments, index.offsets.tolist(), strict=False):
        borders = np.flatnonzero(np.diff(segment.documents, prepend=-1, append=-1)).tolist()
        for start, end in pairwise(borders):
            if index.alive[offset + start]:
                found[segment.doc_ids[segment.documents[start]]] = range(offset + start, offset + end)
    return found


def contents_at(index: Index, doc_id: str, places: range) -> Contents:
    segment, offset = next(
        (s, o) for s, o in zip(index.segments, index.offsets.tolist(), strict=False) if o <= places[0] < o + len(s)
    )
    questions = [segment.questions_of(place - offset) for place in places]
    return Contents(
        [index.document(doc_id)],
        list(segment.store.passages(doc_id)),
        segment.dense.rows[places[0] - offset : places[-1] + 1 - offset],
        [own.asked for own in questions],
        np.concatenate([own.vectors for own in questions]),
        {doc_id: segment.names.get(doc_id, {})},
    )


def _light(entry: Entry) -> Document:
    """A document that is there, by its hashes: what `without_copies` asks of it."""
    return Document(
        entry.doc_id, "", "", entry.said["file_sha256"], entry.said["source_sha256"], "", "", "", published=None
    )
