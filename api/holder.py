"""The service of an application, always on the newest generation of the index."""

import gc
import logging
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import Protocol

from api.kept import KeptAnswers
from api.service import Service, open_embedder, open_service
from api.settings import Settings
from retriever.errors import (
    BadGlossary,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    LibraryDamaged,
    ModelMissing,
    TenkyoError,
)
from retriever.index import REPAIR, Index, current_generation
from retriever.readers import Reader

log = logging.getLogger("tenkyo")

_LOOK_SECONDS = 0.1
_CLOSE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
"""Where there is none yet: a damaged one is read whole each time."""
_UNUSABLE = (
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
        self._kept = first.kept if first else KeptAnswers(settings.answers, settings.keep_answers_days)
        self._reader = _register(settings.index)
        self._service: Service | None = None
        self._tried: str | None = None
        self._said = ""
        self._released = False
        self._unusable: TenkyoError = IndexMissing("The index is being opened. Try again in a moment.")
        if first:
            first.warm_up()
            self._switch(first, current_generation(settings.index))
        else:
            self._take_up_newest()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="index", daemon=True)
        self._thread.start()

    def current(self) -> Service:
        """Raises what keeps a first one from being opened."""
        if self._service is None:
            raise self._unusable.with_traceback(None)
        return self._service

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)  # it may be warming up what nobody needs any more
        if self._reader:
            self._reader.close()
        self._service = None
        self._kept.close()
        gc.unfreeze()

    def _look(self) -> None:
        if self._service:
            self._service.warm_rest()
        _leave_alone()
        while not self._stop.wait(_LOOK_SECONDS if self._service else _RETRY_SECONDS):
            if self._service is None or current_generation(self._settings.index) != self._tried:
                self._take_up_newest()
            else:
                self._read_ahead()
            if self._released:
                self._released = False
                _leave_alone()

    def _read_ahead(self) -> None:
        if service := self._service:  # held, so that its index isn't closed meanwhile
            service.reader.read_ahead()

    def _take_up_newest(self) -> None:
        newest = current_generation(self._settings.index)
        try:
            self._embedder = self._embedder or open_embedder(self._settings)
            fall_back = self._service is None
            opened = open_service(self._settings, self._embedder, self._kept, fall_back)
        except _UNUSABLE as error:
            if newest == current_generation(self._settings.index):  # else its files may be gone already: look again
                self._give_up(newest, error)
            return
        opened.warm_up()
        if self._service:  # the first one is needed at once
            opened.warm_rest()
        self._switch(opened, newest)
        _leave_alone()

    def _switch(self, opened: Service, newest: str | None) -> None:
        """Where it isn't the newest, that one is damaged: nobody need wait until it is taken up."""
        weakref.finalize(opened, self._release, opened.index)
        taken_up = newest if opened.degraded and newest else opened.index.generation
        self._tried = newest if opened.degraded else taken_up
        self._service = opened
        if self._reader:
            self._reader.tell(taken_up)

    def _release(self, index: Index) -> None:
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


def _register(root: Path) -> Reader | None:
    """Nothing on a disk that can't be written: there nobody publishes what we should take up."""
    try:
        return Reader(root)
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
