"""The index on disk: generations of immutable segments, one atomic switch.

    index/CURRENT                 name of the generation in use
    index/generations/NAME.json   its manifest: segments with every file's SHA-256, tombstones, versions
    index/segments/HASH/          passages, postings, vectors
    index/checked.json            when large files were last hashed

A reader sees the old generation or the new one, whatever is killed when; the one before is kept.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retriever import text
from retriever.arms import Candidates, Terms, find
from retriever.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, NotFound
from retriever.fields import FIELDS
from retriever.filters import Filters
from retriever.integrity import (
    STAMPS,
    Stamps,
    check_touched,
    read_stamps,
    write_atomically,
)
from retriever.lexical import Lexical
from retriever.postings import K1, B
from retriever.records import Document, Passage, Questions
from retriever.segment import KINDS, Segment, open_segment

FORMAT = 8
_DOCUMENTS_IN_MEMORY = 64
_QUESTIONS_IN_MEMORY = 512
_MOST_KEPT = 2000
"""Passages of an index that are kept once they were read: some 5 MB."""
_GENERATION = re.compile(r"\d{6}-[0-9a-f]{12}")
REPAIR = "Run `tenkyo ingest` to build it again."


@dataclass(frozen=True)
class Manifest:
    """What a generation is made of. `deleted`: documents of a segment that no longer count."""

    format: int
    generation: str
    versions: dict[str, str]
    segments: dict[str, dict[str, str]]
    deleted: dict[str, list[str]]
    corpus: dict[str, str]
    passages: int


def retriever_versions(model: str) -> dict[str, str]:
    """What index and query must agree on."""
    return {
        "text": str(text.VERSION),
        "sudachipy": version("sudachipy"),
        "sudachidict_core": version("sudachidict_core"),
        "opencc": version("opencc"),
        "bm25": f"{K1}/{B}",
        "model": model,
    }


class Index:
    """One generation, open for reading."""

    def __init__(self, manifest: Manifest, segments: Sequence[Segment]):
        self.manifest = manifest
        self.segments = tuple(segments)
        self.lexical = Lexical([s.postings for s in segments])
        self.offsets = np.cumsum([0, *(len(s) for s in segments)])
        self._deleted = {name: frozenset(doc_ids) for name, doc_ids in manifest.deleted.items()}
        self.alive = np.concatenate([np.zeros(0, bool), *map(self._alive, segments)])
        self._whole = bool(self.alive.all())
        self.runs_on = np.concatenate([np.zeros(0, bool), *map(_runs_on, segments)])
        self.expanded = np.concatenate([np.zeros(0, bool), *map(_expanded, segments)])
        self._read = lru_cache(maxsize=_DOCUMENTS_IN_MEMORY)(self._read_document)
        self._questions = lru_cache(maxsize=_QUESTIONS_IN_MEMORY)(self._read_questions)
        self._passages: dict[int, Passage] = {}

    @property
    def generation(self) -> str:
        return self.manifest.generation

    @property
    def versions(self) -> Mapping[str, str]:
        return self.manifest.versions

    @property
    def passages(self) -> int:
        """Those of documents that were taken out count until they are written anew: words are weighed by all."""
        return len(self.alive)

    @cached_property
    def asked_passages(self) -> int:
        """See `View`."""
        return int(np.count_nonzero(self.expanded))

    def close(self) -> None:
        for segment in self.segments:
            segment.store.close()

    def find(
        self,
        terms: Mapping[str, Terms],
        vector: NDArray[np.float32] | None,
        language: str,
        filters: Filters,
        aside: Collection[int] = (),
    ) -> Candidates:
        """See `View`."""
        return find(self, terms, vector, language, self._allowed(filters, aside))

    def _allowed(self, filters: Filters, aside: Collection[int]) -> NDArray[np.bool_] | None:
        """(N,): which passages the filters and the tombstones let through; nothing where it is all."""
        if self._whole and not aside and filters == Filters():
            return None
        allowed = self.alive
        if aside:
            allowed = allowed.copy()
            allowed[list(aside)] = False
        if filters.kinds:
            kinds = np.concatenate([s.kinds for s in self.segments])
            allowed = allowed & np.isin(kinds, [KINDS.index(kind) for kind in filters.kinds])
        if filters.doc_ids or filters.published_from or filters.published_to:
            allowed = allowed & np.concatenate([s.of_documents(filters.pass_id) for s in self.segments])
        return allowed

    def frequency(self, term: str, field: str, aside: Collection[int] = ()) -> int:
        """See `View`."""
        number = FIELDS.index(field)
        return sum(
            s.postings.frequency(term, number, [place - offset for place in aside if 0 <= place - offset < len(s)])
            for s, offset in zip(self.segments, self.offsets, strict=False)
        )

    def run_on(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `View`."""
        found: NDArray[np.bool_] = self.runs_on[places]
        return found

    def before(self, place: int) -> int | None:
        """See `View`."""
        return place - 1 if place and self.runs_on[place - 1] else None

    def first_places(self, most: int) -> Iterable[int]:
        places: list[int] = np.flatnonzero(self.alive)[:most].tolist()
        return places

    def read_ahead(self, places: Sequence[int]) -> None:
        """See `View`: the disk gives each in its turn."""

    def passage(self, number: int) -> Passage:
        """By its place in the whole index. Those of a small one are kept; of a large one few come again before they
        would have to go."""
        found = self._passages.get(number)
        if found is None:
            segment, own = self._locate(number)
            found = segment.store.passage(own)
            if self.passages <= _MOST_KEPT:
                self._passages[number] = found
        return found

    def questions_of(self, number: int) -> Questions:
        """Those written for the passage at a place."""
        return self._questions(number)

    def _read_questions(self, number: int) -> Questions:
        segment, own = self._locate(number)
        return segment.questions_of(own)

    def _locate(self, number: int) -> tuple[Segment, int]:
        place = int(np.searchsorted(self.offsets, number, side="right")) - 1
        return self.segments[place], number - int(self.offsets[place])

    def passage_by_id(self, passage_id: str) -> Passage:
        for segment in self.segments:
            passage = segment.store.passage_by_id(passage_id)
            if passage and not self._is_deleted(segment, passage.doc_id):
                return passage
        raise NotFound(
            f"There is no passage {passage_id!r}. Search again: ids change when a document is ingested anew."
        )

    @cached_property
    def names(self) -> dict[str, str]:
        """Latin form → Japanese name, as the documents gloss them."""
        return {
            latin: name
            for segment in self.segments
            for doc_id, names in segment.names.items()
            if not self._is_deleted(segment, doc_id)
            for latin, name in names.items()
        }

    @cached_property
    def passage_counts(self) -> dict[str, int]:
        """Live passages by document."""
        counts: dict[str, int] = {}
        for segment, start in zip(self.segments, self.offsets, strict=False):
            alive = self.alive[start : start + len(segment)]
            found = np.bincount(segment.documents[alive], minlength=len(segment.doc_ids))
            counts |= {doc_id: int(n) for doc_id, n in zip(segment.doc_ids, found, strict=True) if n}
        return counts

    def document(self, doc_id: str) -> Document:
        """Raises `NotFound`."""
        return self._read(doc_id)

    def _read_document(self, doc_id: str) -> Document:
        for segment in self.segments:
            if not self._is_deleted(segment, doc_id) and (document := segment.store.document(doc_id)):
                return document
        raise NotFound(f"There is no document {doc_id!r}. GET /v1/documents lists them.")

    def documents(self) -> list[Document]:
        found = (d for s in self.segments for d in s.store.documents() if not self._is_deleted(s, d.doc_id))
        return sorted(found, key=lambda document: document.doc_id)

    def passages_of(self, doc_id: str) -> list[Passage]:
        self.document(doc_id)
        live = (s for s in self.segments if not self._is_deleted(s, doc_id))
        return [passage for segment in live for passage in segment.store.passages(doc_id)]

    def _is_deleted(self, segment: Segment, doc_id: str) -> bool:
        return doc_id in self._deleted.get(segment.name, ())

    def _alive(self, segment: Segment) -> NDArray[np.bool_]:
        """(N,): whether each passage's document still counts."""
        return segment.of_documents(lambda doc_id, published: not self._is_deleted(segment, doc_id))


def _runs_on(segment: Segment) -> NDArray[np.bool_]:
    """(N,): whether the next passage is of the same document."""
    return np.append(np.diff(segment.documents) == 0, False)[: len(segment)]


def _expanded(segment: Segment) -> NDArray[np.bool_]:
    """(N,): whether questions were written for the passage."""
    written = np.zeros(len(segment), bool)
    for asked in segment.asked.values():
        written[asked.askers] = True
    return written


def read_manifest(root: Path) -> Manifest:
    """The manifest in use. Raises `IndexMissing`, `IndexDamaged` or `IndexMismatch`."""
    if not (root / "CURRENT").exists() and not generations(root):
        raise IndexMissing("There is no index yet. Run `tenkyo ingest` (or `make serve`, which does).")
    name = current_generation(root)
    if name is None:
        raise IndexDamaged(f"The index's file CURRENT names no generation. {REPAIR}")
    return read_generation(root, name)


def read_generation(root: Path, name: str) -> Manifest:
    """A manifest by its name. Raises `IndexDamaged` or `IndexMismatch`."""
    try:
        values = json.loads((root / "generations" / f"{name}.json").read_text("utf-8"))
        if values["format"] != FORMAT:
            raise IndexMismatch(f"The index has format {values['format']}, this program reads {FORMAT}. {REPAIR}")
        manifest = Manifest(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IndexDamaged(
            f"The manifest of index generation {name} can't be read ({type(error).__name__}). {REPAIR}"
        ) from error
    if manifest.generation != name or not name.endswith(_digest(manifest)):
        raise IndexDamaged(f"The manifest of index generation {name} isn't what was written. {REPAIR}")
    return manifest


def _digest(manifest: Manifest) -> str:
    """Of all that a manifest says but its own name, which ends in it."""
    values = asdict(replace(manifest, generation=""))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def current_generation(root: Path) -> str | None:
    """The name that CURRENT holds, or nothing where it holds none."""
    try:
        name = (root / "CURRENT").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if _GENERATION.fullmatch(name) else None


def last_known_segments(root: Path) -> dict[str, list[str]]:
    """Segments of the newest manifest that can be read, and the documents deleted in each; whatever its format."""
    return next((found for name in generations(root) if (found := _segments_of(root, name)) is not None), {})


def last_known_documents(root: Path) -> frozenset[str]:
    """The documents of the newest manifest that can be read."""
    for name in generations(root):
        try:
            return frozenset(json.loads((root / "generations" / f"{name}.json").read_text("utf-8"))["corpus"])
        except (OSError, ValueError, TypeError, KeyError):
            continue  # the one before it may do
    return frozenset()


def _segments_of(root: Path, generation: str) -> dict[str, list[str]] | None:
    try:
        manifest = json.loads((root / "generations" / f"{generation}.json").read_text("utf-8"))
        return {segment: list(manifest["deleted"].get(segment, ())) for segment in manifest["segments"]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # the one before it may do


def generations(root: Path) -> list[str]:
    """Their names: the one in use first, then the newest."""
    current = current_generation(root)
    names = sorted((path.stem for path in (root / "generations").glob("[!.]*.json")), reverse=True)
    return sorted(names, key=lambda name: name != current)


def open_index(root: Path, model: str) -> Index:
    """Open the generation in use for a model, checking its files (see `integrity`). Raises as `read_manifest` does."""
    return open_generation(root, model, read_manifest(root))


def open_generation(root: Path, model: str, manifest: Manifest) -> Index:
    """Raises `IndexDamaged` or `IndexMismatch`."""
    check_versions(manifest, model)
    known = read_stamps(root)
    stamps: Stamps = {}
    for segment, files in manifest.segments.items():
        stamps |= check_touched(root / "segments" / segment, files, known)
    if stamps != known:
        _keep_stamps(root, stamps)
    return Index(manifest, [open_segment(root / "segments" / name) for name in manifest.segments])


def check_versions(manifest: Manifest, model: str) -> None:
    """Raises `IndexMismatch`."""
    for name, now in retriever_versions(model).items():
        then = manifest.versions.get(name)
        if then != now:
            raise IndexMismatch(f"The index was made with {name} {then}, this program has {now}. {REPAIR}")


def forget(root: Path, names: Sequence[str]) -> None:
    """Take generations away that are not in use, and what only they need. Raises `IndexBusy`."""
    with writing(root):
        _remove_unused(root, [name for name in generations(root) if name not in names])


def _keep_stamps(root: Path, stamps: Stamps) -> None:
    """An index that can't be written to is hashed whole each time."""
    if os.access(root, os.W_OK):
        write_atomically(root / STAMPS, json.dumps(stamps, indent=1))


def publish(
    root: Path,
    segments: Mapping[str, dict[str, str]],
    deleted: Mapping[str, list[str]],
    versions: Mapping[str, str],
    corpus: Mapping[str, str],
    passages: int,
) -> Manifest:
    """Write a generation's manifest and switch to it. What neither it nor the one before needs is removed.

    `segments`: by name, each file's hash as it was when the segment was written.
    """
    previous = current_generation(root)
    numbers = [int(path.stem[:6]) for path in (root / "generations").glob("*.json") if _GENERATION.fullmatch(path.stem)]
    number = max(numbers, default=0) + 1
    manifest = Manifest(FORMAT, "", dict(versions), dict(segments), dict(deleted), dict(corpus), passages)
    manifest = replace(manifest, generation=f"{number:06d}-{_digest(manifest)}")
    (root / "generations").mkdir(parents=True, exist_ok=True)
    body = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    write_atomically(root / "generations" / f"{manifest.generation}.json", body)
    write_atomically(root / "CURRENT", manifest.generation + "\n")
    _remove_unused(root, keep=[name for name in (previous, manifest.generation) if name])
    return manifest


def _remove_unused(root: Path, keep: Sequence[str]) -> None:
    used: set[str] = set()
    for file in (root / "generations").glob("*.json"):
        if file.stem not in keep:
            file.unlink()
            continue
        try:
            used.update(json.loads(file.read_text("utf-8"))["segments"])
        except (ValueError, KeyError, TypeError):
            continue  # a damaged older manifest names no segments worth keeping
    for segment in (root / "segments").iterdir():
        if segment.name not in used:
            shutil.rmtree(segment)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Only one process writes at a time. Raises `IndexBusy`, naming the holder."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "LOCK").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise IndexBusy(f"Process {holder} is writing the index. Wait for it to finish, then try again.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
