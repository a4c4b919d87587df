"""A server's look at the cluster: which documents are ready now, and how often words occur in them."""

import time
from collections.abc import Mapping
from threading import Event, Lock, Thread

from retriever.errors import StoreUnreachable, TenkyoError
from retriever.milvus import schema
from retriever.milvus.catalogue import Catalogue, Snapshot
from retriever.milvus.cluster import Cluster
from retriever.milvus.index import Memory, MilvusIndex, read_names
from retriever.milvus.rows import expect, joined_parts
from retriever.milvus.schema import PARTS
from retriever.milvus.terms import NONE, SAMPLE, Counts, changed, read_counts

LOOK_SECONDS = 1.0
FRESH_SECONDS = 5.0
"""For which a look holds. Who couldn't look for so long answers nothing more: a document may have been taken out."""
_DOCUMENTS_AT_ONCE = 100


class Follower:
    """One for a process; its snapshots share what was read of documents."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self._catalogue = Catalogue(cluster)
        self._memory = Memory()
        self._words = Words(cluster)
        self._looked = self._changed = float("-inf")
        self._failed: TenkyoError | None = None
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    def generation(self) -> str:
        """Of what is ready as of the last look: from the first call on, a thread looks. Raises why it can't."""
        if self._thread is None:
            self.look()
            self._thread = Thread(target=self._follow, name="milvus", daemon=True)
            self._thread.start()
        if self._failed:
            raise self._failed.with_traceback(None)
        return self._catalogue.snapshot.generation

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
                self._failed = None
            except TenkyoError as error:
                self._failed = error
                self.cluster.forget_loaded()  # it may come back without

    def look(self) -> Snapshot:
        """Now, whenever the last look was. Raises as `Cluster` does."""
        with self._lock:
            started, before = time.monotonic(), self._catalogue.snapshot.generation
            self.cluster.load(schema.COLLECTIONS)
            self._catalogue.look()
            self._looked = started
            if self._catalogue.snapshot.generation != before:
                self._changed = started
            return self._catalogue.snapshot

    def check_fresh(self, generation: str) -> None:
        """Raises `StoreUnreachable` where the last look is too long ago, or what it saw isn't answered from yet."""
        now, known = time.monotonic(), self._catalogue.snapshot.generation
        if now - self._looked > FRESH_SECONDS:
            raise StoreUnreachable(
                f"Milvus at {self.cluster.shown} hasn't said for {now - self._looked:.0f} s which documents are ready "
                f"({FRESH_SECONDS:.0f} s are allowed)."
            )
        if generation != known and now - self._changed > FRESH_SECONDS:
            raise StoreUnreachable(
                f"Generation {known} is ready in Milvus at {self.cluster.shown}; this server still has {generation}, "
                f"after {now - self._changed:.0f} s ({FRESH_SECONDS:.0f} s are allowed)."
            )

    def open(self, versions: Mapping[str, str]) -> MilvusIndex:
        """The documents that are ready now. Raises `IndexMissing`, `IndexMismatch`, and as `Cluster` does."""
        made = schema.check(self.cluster, versions)
        snapshot = self.look()
        self._words.follow(snapshot)
        return MilvusIndex(self.cluster, snapshot, self._words.counts, dict(self._words.names), made, self._memory)


class Words:
    """Term counts and names of the documents of a snapshot, or of a sample of them.

    Numbers of documents are hashes: those divisible by a power of two are a fair sample, and the same for all.
    """

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._own: dict[int, tuple[Counts, dict[str, str]]] = {}
        self.counts = NONE
        self.names: dict[str, str] = {}

    def follow(self, snapshot: Snapshot) -> None:
        wanted = sample(snapshot)
        added, removed = sorted(wanted - self._own.keys()), sorted(self._own.keys() - wanted)
        if not added and not removed:
            return
        taken = [self._own[number][0] for number in removed]
        new = self._read(added)
        self._own = {number: own for number, own in self._own.items() if number in wanted} | new
        self.counts = changed(self.counts, [own for own, _ in new.values()], taken)
        by_id = (self._own[e.number][1] for e in snapshot.documents.values() if e.number in self._own)
        self.names = {latin: name for names in by_id for latin, name in names.items()}

    def _read(self, numbers: list[int]) -> dict[int, tuple[Counts, dict[str, str]]]:
        found: dict[int, tuple[Counts, dict[str, str]]] = {}
        for start in range(0, len(numbers), _DOCUMENTS_AT_ONCE):
            some = numbers[start : start + _DOCUMENTS_AT_ONCE]
            where = f'document in {some} and what in ["terms", "names"]'
            texts = joined_parts(self._cluster.each(PARTS, where, ("document", "what", "part", "body")))
            for number in some:
                counts = read_counts(expect(texts, number, "terms", str(number)))
                found[number] = counts, read_names(expect(texts, number, "names", str(number)))
        return found


def sample(snapshot: Snapshot) -> set[int]:
    """The numbers of so many documents that they have `SAMPLE` passages, roughly; of all where these are fewer."""
    step = 1
    while snapshot.passages > SAMPLE * step:
        step *= 2
    return {number for number in snapshot.numbers if number % step == 0}
