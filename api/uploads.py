"""Documents that come over HTTP: kept at once, taken in one at a time by a process of its own.

That process opens the index, writes a generation and ends; if it crashes or hangs, the service goes on with the
generation that it has.

    python -m api.uploads < JOB     (what `Uploads` runs)
"""

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property

from api import logs
from api.service import open_embedder
from api.settings import PROJECT, Settings
from api.stores import open_store
from ingest import build
from ingest.expand import read_expansions
from ingest.library import Entry, Library
from ingest.stores import Store
from retriever.errors import (
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    LibraryDamaged,
    SourceRefused,
    StoreRefused,
    StoreUnreachable,
    TenkyoError,
)

log = logging.getLogger("tenkyo")

_MOST_WAITING = 100
_SECONDS = 900
"""That taking one in may last: then it is killed."""
_BUSY_SECONDS = 60
_BEHIND_SECONDS = 60


@dataclass(frozen=True)
class Job:
    """What the process is to do: take in a document, or (without one) take out what was removed."""

    doc_id: str | None
    home: str
    corpus: str
    model: str
    query_prefix: str | None
    passage_prefix: str | None
    store: str
    milvus_uri: str
    milvus_token: str

    @classmethod
    def of(cls, settings: Settings, doc_id: str | None) -> "Job":
        home, corpus = str(settings.home.resolve()), str(settings.corpus.resolve())
        model = settings.model, settings.query_prefix, settings.passage_prefix
        where = settings.store, settings.milvus_uri, settings.milvus_token.get_secret_value()
        return cls(doc_id, home, corpus, *model, *where)

    @property
    def settings(self) -> Settings:
        own = {key: value for key, value in asdict(self).items() if key != "doc_id"}
        return Settings.model_validate(own)


class Uploads:
    """The queue in front of the index, of one application."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._turn = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @cached_property
    def store(self) -> Store:
        """Opened at the first use: a cluster may be away while a service starts."""
        return open_store(self.settings)

    @cached_property
    def library(self) -> Library:
        return self.store.library()

    def start(self) -> None:
        """Go on with what was under way when the service stopped."""
        with suppress(LibraryDamaged, StoreUnreachable, StoreRefused, IndexMissing):  # each use of it says so
            self.library.forget_removed()
        with suppress(StoreUnreachable, StoreRefused, IndexMissing):
            for entry in self.library.entries():
                if entry.status == "processing":
                    self.queue(entry)

    async def stop(self) -> None:
        """Break off; what is under way is taken up again at the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def pending(self, content: bytes) -> Entry | None:
        """The same file, if it is being taken in."""
        entry = self.library.entry(hashlib.sha256(content).hexdigest()[:16])
        return entry if entry and entry.doc_id in self._tasks else None

    def add(self, content: bytes, filename: str, metadata: dict[str, str]) -> Entry:
        """Raises `IndexBusy`."""
        if len(self._tasks) >= _MOST_WAITING:
            raise IndexBusy(f"{_MOST_WAITING} documents wait to be taken in. Try again when some are ready.")
        entry = self.library.add(content, filename, metadata)
        self.queue(entry)
        return entry

    def queue(self, entry: Entry) -> None:
        if entry.doc_id not in self._tasks:
            task = self._tasks[entry.doc_id] = asyncio.create_task(self._take_in(entry))
            task.add_done_callback(lambda _: self._tasks.pop(entry.doc_id, None))

    async def wait(self, doc_id: str, seconds: float) -> None:
        """Until a document is ready or failed, or the time is over."""
        if task := self._tasks.get(doc_id):
            await asyncio.wait([task], timeout=seconds)

    async def _take_in(self, entry: Entry) -> None:
        async with self._turn:
            if not self.library.entry(entry.doc_id):
                return
            status = await _run(Job.of(self.settings, entry.doc_id))
            left = self.library.entry(entry.doc_id)
            if left and left.status == "processing" and self._is_indexed(entry.doc_id):
                self.library.settle(left, status="ready", code=None, error=None)  # it ended just after that
            elif left and left.status == "processing":
                log.error("taking in %s ended with exit status %s", entry.doc_id, status)
                why = "Something went wrong while it was taken in. The server's log has the details."
                self.library.settle(entry, status="failed", code="internal_error", error=why)

    def _is_indexed(self, doc_id: str) -> bool:
        try:
            return doc_id in self.store.corpus()
        except (IndexMissing, IndexDamaged, IndexMismatch, StoreUnreachable):
            return False

    async def remove(self, doc_id: str, indexed: bool) -> None:
        """Raises `IndexBusy`."""
        entry = self.library.entry(doc_id)
        self.library.remove([doc_id])
        if not indexed and not (entry and entry.status == "processing"):
            return
        async with self._turn:
            if await _run(Job.of(self.settings, None)):
                raise IndexBusy("The document is noted as removed, but the index can't be written now. Try again.")


async def _run(job: Job) -> int | None:
    """The exit status of the process; killed when it takes too long or the service stops."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api.uploads",
        stdin=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path[1:]])},
    )
    try:
        await process.communicate(json.dumps(asdict(job)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode


def take_in(job: Job) -> None:
    """Bring the index up to date; what became of the document is noted in the library once every service that runs
    here answers from it."""
    settings = job.settings
    store = open_store(settings)
    library = store.library()
    entry = library.entry(job.doc_id) if job.doc_id else None
    if job.doc_id and not (entry and entry.status == "processing"):
        return  # taken away meanwhile, or another worker has done it
    try:
        outcome = _ingest(settings, store, library, entry)
        _wait_until_all_answer_from_it(store, entry)
    except SourceRefused as error:
        if not entry:
            raise
        library.settle(entry, status="failed", code=error.code, error=str(error))
        return
    if not entry:
        return
    if same := next(iter(outcome.duplicates), None):
        why = f"{entry.filename}: its text is there already, as {same.doc_id}."
        library.settle(entry, status="failed", code="duplicate_text", error=why, duplicate_of=same.doc_id)
    else:
        library.settle(entry, status="ready", code=None, error=None)


def _wait_until_all_answer_from_it(store: Store, entry: Entry | None) -> None:
    """Raises `IndexBusy` where a document was taken out and may still be cited."""
    if behind := store.wait_for_readers(_BEHIND_SECONDS):
        late = f"{behind} running services still answer from the index before."
        if not entry:
            raise IndexBusy(late)
        log.error("%s", late)


def _ingest(settings: Settings, store: Store, library: Library, entry: Entry | None) -> build.Outcome:
    """Waits a while for another writer. Raises `IndexBusy` after that."""
    embedder, expansions = open_embedder(settings), read_expansions(settings.expansions)
    sources = [library.source(entry)] if entry else []
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return store.ingest(sources, embedder, expansions, log.info, [settings.corpus])
        except IndexBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@contextmanager
def turn(settings: Settings) -> Iterator[None]:
    """One at a time, whichever worker has sent it; from then on the process has so many seconds."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "TURN").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        signal.alarm(_SECONDS)
        yield


if __name__ == "__main__":
    os.nice(10)  # answers go first
    job = Job(**json.load(sys.stdin))
    logs.set_up("warning", job.settings.log_format)
    try:
        with turn(job.settings):
            take_in(job)
    except TenkyoError as error:
        log.error("%s", error)
        sys.exit(1)
