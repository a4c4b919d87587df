"""The service of an application, always on the newest generation of the index."""

import gc
import logging
import sqlite3
import threading
import weakref
from typing import Protocol

from api.service import Service, open_embedder, open_service
from api.settings import Settings
from api.stores import open_kept, open_store
from ingest.stores import Store
from retriever.errors import (
    BadGlossary,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    LibraryDamaged,
    ModelMissing,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
    TenkyoError,
)
from retriever.generations import REPAIR
from retriever.readers import Reader
from retriever.view import View

log = logging.getLogger("tenkyo")

_LOOK_SECONDS = 0.1
_CLOSE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
"""Where there is none yet: a damaged one is read whole each time."""
_STORE_FAILED = (StoreUnreachable, StoreRefused, StoreFull)
_UNUSABLE = (
    *_STORE_FAILED,
    LibraryDamaged,
    IndexMissing,
    IndexDamaged,
    IndexMismatch,
    BadGlossary,
    ModelMissing,
    OSError,
    sqlite3.Error,
)


class Holder(Protocol):
    """What has the service that requests are answered by."""

    def current(self) -> Service: ...

    def close(self) -> None: ...


class Given:
    """One service for good, closed by who opened it (for tests)."""

    def __init__(self, service: Service):
        self._service = service

    def current(self) -> Service:
        return self._service

    def close(self) -> None:
        pass


class ServiceHolder:
    """A thread looks for a new generation, opens it beside the one in use and switches to it between requests.

    A request that has begun goes on with the service that it has, whose files are closed when nobody holds it any
    more. Where the new generation can't be opened the old one goes on, and where there is none each request says why.
    """

    def __init__(self, settings: Settings, first: Service | None = None):
        """`first`: one that is open already."""
        self._settings = settings
        self._embedder = first.retriever.embedder if first else None
        self._kept = first.kept if first else None
        self._store: Store | None = None
        self._reader: Reader | None = None
        self._service: Service | None = None
        self._tried: str | None = None
        self._said = ""
        self._released = False
        self._unusable: TenkyoError = IndexMissing("The index is being opened. Try again in a moment.")
        self._stop = threading.Event()
        if first:
            first.warm_up()
            self._switch(first, self._opened_store().generation())
        else:
            self._take_up_newest()
        self._thread = threading.Thread(target=self._look, name="index", daemon=True)
        self._thread.start()

    def current(self) -> Service:
        """Raises what keeps a first one from being opened, or what keeps from knowing what may be answered from."""
        if self._service is None or self._store is None:
            raise self._unusable.with_traceback(None)
        self._store.check(self._service.index.generation)
        return self._service

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)  # it may be warming up what nobody needs any more
        if self._reader:
            self._reader.close()
        self._service = None
        if self._kept:
            self._kept.close()
        if self._store:
            self._store.close()
        gc.unfreeze()

    def _opened_store(self) -> Store:
        """Opened at the first use: a cluster may be away while a service starts."""
        if self._store is None:
            self._store = open_store(self._settings)
            self._reader = _register(self._store)
        return self._store

    def _look(self) -> None:
        if self._service:
            self._service.warm_rest()
        _leave_alone()
        while not self._stop.wait(_LOOK_SECONDS if self._service else _RETRY_SECONDS):
            if self._service is None or self._is_another():
                self._take_up_newest()
            else:
                self._read_ahead()
            if self._released:
                self._released = False
                _leave_alone()

    def _is_another(self) -> bool:
        """Whether there is a generation that hasn't been tried. Where that can't be told, the one there is stays."""
        try:
            return self._opened_store().generation() != self._tried
        except _STORE_FAILED as error:
            self._give_up(self._tried, error)
            return False

    def _read_ahead(self) -> None:
        if service := self._service:  # held, so that its index isn't closed meanwhile
            service.reader.read_ahead()

    def _take_up_newest(self) -> None:
        newest: str | None = None
        try:
            store = self._opened_store()
            newest = store.generation()
            self._embedder = self._embedder or open_embedder(self._settings)
            self._kept = self._kept or open_kept(self._settings, store)
            opened = open_service(self._settings, self._embedder, self._kept, self._service is None, store)
        except SystemError as error:
            # CPython 3.11 may trip over two threads that read literals (gh-106905), as NumPy does in each file's head
            log.warning("the index is opened again: %s", error)
            return
        except _UNUSABLE as error:
            if not self._is_newer_than(newest):  # else its files may be gone already: look again
                self._give_up(newest, error)
            return
        opened.warm_up()
        if self._service and not store.hurries:  # the first one is needed at once
            opened.warm_rest()
        self._switch(opened, newest)
        _leave_alone()

    def _is_newer_than(self, generation: str | None) -> bool:
        try:
            return self._opened_store().generation() != generation
        except _STORE_FAILED:
            return False

    def _switch(self, opened: Service, newest: str | None) -> None:
        """Where it isn't the newest, that one is damaged: nobody need wait until it is taken up."""
        if self._stop.is_set():  # closed while it was being warmed up
            opened.index.close()
            return
        weakref.finalize(opened, self._release, opened.index)
        taken_up = newest if opened.degraded and newest else opened.index.generation
        self._tried = newest if opened.degraded else taken_up
        self._service = opened
        if self._reader:
            self._reader.tell(taken_up)

    def _release(self, index: View) -> None:
        """Nobody needs it any more."""
        index.close()
        self._released = True

    def _give_up(self, newest: str | None, error: Exception) -> None:
        """Until there is another one. Said once."""
        if newest != self._tried or str(error) != self._said:
            log.error("%s", error)
        self._tried, self._said = newest, str(error)
        if not isinstance(error, TenkyoError):
            error = IndexDamaged(f"The index can't be opened ({type(error).__name__}). {REPAIR}")
        self._unusable = error


def _register(store: Store) -> Reader | None:
    """Nothing on a disk that can't be written: there nobody publishes what we should take up."""
    try:
        return store.reader()
    except OSError as error:
        log.error("this service can't be waited for: %s", error)
        return None


def _leave_alone() -> None:
    """What is loaded now stays, so the garbage collector needn't look at it: a full round would take 0.1 s, in which
    nobody is answered."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.enable()
