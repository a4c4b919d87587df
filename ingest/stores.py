"""Where an index is: what commands and services ask of that place. On this machine's disk, or (see `clustered`) in
a cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ingest import build
from ingest.build import Expansions, Outcome, Progress
from ingest.library import Library
from ingest.load import Source
from ingest.unchanged import is_unchanged, note_unchanged
from retriever.embed import Embedder
from retriever.errors import IndexDamaged
from retriever.fallback import open_last_good
from retriever.generations import current_generation, read_manifest
from retriever.index import open_index
from retriever.readers import Reader, wait_for_readers
from retriever.view import View


class Store(Protocol):
    """One for a process."""

    def library(self) -> Library:
        """The documents that a person gave, and what was removed."""

    def generation(self) -> str | None:
        """Which documents can be searched now; quickly told. May raise `StoreUnreachable`."""

    hurries: bool
    """Whether a new generation must be taken up within seconds, since nobody waits for those who don't."""

    def check(self, generation: str) -> None:
        """Raises `StoreUnreachable` where nothing may be answered from a generation any more."""

    def open(self, embedder: Embedder, fall_back: bool = True) -> tuple[View, str]:
        """What can be searched now; and why it isn't the newest, where it isn't. Raises why nothing can be."""

    def reader(self) -> Reader | None:
        """An entry for a service, which tells which generation it answers from, where services are known one by one.
        Raises `OSError`."""

    def wait_for_readers(self, seconds: float) -> int:
        """Until every service answers from the newest; how many then still don't."""

    def corpus(self) -> Mapping[str, str]:
        """The documents that are in it, each with its fingerprint. Raises why that can't be told."""

    def ingest(
        self,
        paths: Sequence[Path | Source],
        embedder: Embedder,
        expansions: Expansions,
        progress: Progress,
        again: Sequence[Path] = (),
    ) -> Outcome:
        """As `build.ingest`."""

    def is_current(self, paths: Sequence[Path], embedder: Embedder, expansions: Expansions) -> bool:
        """As `build.is_current`."""

    def is_unchanged(self, model: str, made_of: Sequence[Path]) -> bool:
        """Whether nothing that it is made of has changed since `note_unchanged`: a cheap first look."""

    def note_unchanged(self, model: str, made_of: Sequence[Path]) -> None: ...

    def close(self) -> None: ...


class Disk:
    """Generations of segments in a folder (`retriever.index`)."""

    hurries = False

    def __init__(self, root: Path, library: Path):
        self._root = root
        self._library = library

    def library(self) -> Library:
        return Library(self._library)

    def generation(self) -> str | None:
        return current_generation(self._root)

    def check(self, generation: str) -> None:
        """One that is open stays right."""

    def open(self, embedder: Embedder, fall_back: bool = True) -> tuple[View, str]:
        try:
            return open_index(self._root, embedder.name), ""
        except IndexDamaged as damage:
            if not fall_back:
                raise
            index = open_last_good(self._root, embedder.name, self.library().removed(), damage)
            return index, f"{damage} Until then, generation {index.generation} answers."

    def reader(self) -> Reader | None:
        return Reader(self._root)

    def wait_for_readers(self, seconds: float) -> int:
        return wait_for_readers(self._root, seconds)

    def corpus(self) -> Mapping[str, str]:
        return read_manifest(self._root).corpus

    def ingest(
        self,
        paths: Sequence[Path | Source],
        embedder: Embedder,
        expansions: Expansions,
        progress: Progress,
        again: Sequence[Path] = (),
    ) -> Outcome:
        return build.ingest(self._root, paths, embedder, expansions, progress, self.library(), again)

    def is_current(self, paths: Sequence[Path], embedder: Embedder, expansions: Expansions) -> bool:
        return build.is_current(self._root, paths, embedder, expansions, self.library())

    def is_unchanged(self, model: str, made_of: Sequence[Path]) -> bool:
        return is_unchanged(self._root, model, made_of)

    def note_unchanged(self, model: str, made_of: Sequence[Path]) -> None:
        note_unchanged(self._root, model, made_of)

    def close(self) -> None:
        """Nothing is held open."""
