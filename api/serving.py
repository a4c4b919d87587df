"""Serving over HTTP: the socket, an index that is current, one process or several."""

import gc
import socket
import sqlite3
from contextlib import suppress

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api import logs
from api.app import create_app
from api.connections import Connection
from api.service import Service, open_embedder, open_service
from api.settings import Settings
from api.shared import shared
from api.stores import open_store
from ingest import build
from ingest.expand import read_expansions
from ingest.stores import Store
from retriever.embed import Embedder
from retriever.errors import IndexDamaged, IndexMismatch, IndexMissing, TenkyoError

_BACKLOG = 2048
_DOORS = 8
"""uvloop accepts one connection at each socket in each turn of its loop, and a turn may last as long as an answer
takes: at one socket many new connections would stand outside for seconds before they could even be refused."""
_CUT_OFF_SECONDS = 5
"""After the time to drain: what then still runs is broken off."""
_HANGS_SECONDS = 60
"""A worker that gives no sign for so long is replaced."""


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on, taken before anything slow is done."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise TenkyoError(
            f"Port {port} on {host} can't be had ({error.strerror}). Choose another: --port, or PORT=… with make."
        ) from None
    return listener


def run(settings: Settings, service: Service, listener: socket.socket, workers: int) -> None:
    """Until a signal comes. With several workers, each opens a service of its own."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"Tenkyo listens on http://{shown}:{port} (API: http://{shown}:{port}/docs); Ctrl-C stops it.", err=True)
    logs.set_up(settings.log_level, settings.log_format)
    doors = [listener, *(listener.dup() for _ in range(_DOORS - 1))]
    if workers == 1:
        uvicorn.Server(config(settings, create_app(settings, first=service))).run(sockets=doors)
    else:
        service.close()
        with shared():
            Multiprocess(config(settings, f"{__name__}:worker", workers), doors).run()


def prepare(settings: Settings) -> Service:
    """The service on an index that holds all there is to hold: built first if it is missing or stale."""
    embedder, store = open_embedder(settings), open_store(settings)
    library, own = settings.library, settings.own_expansions
    made_of = [settings.corpus, library / "documents", library / "removed.json", own]
    if store.is_unchanged(embedder.name, made_of):
        with suppress(IndexMissing, IndexDamaged, IndexMismatch):  # then it is built anew
            return open_service(settings, embedder, fall_back=False, store=store)
    try:
        _bring_up_to_date(settings, store, embedder)
        store.note_unchanged(embedder.name, made_of)
    except (TenkyoError, OSError, sqlite3.Error) as error:
        return _as_it_is(settings, store, embedder, error)
    return open_service(settings, embedder, store=store)


def _as_it_is(settings: Settings, store: Store, embedder: Embedder, error: Exception) -> Service:
    """What is indexed, though it can't be brought up to date. Raises `error` where nothing is."""
    try:
        service = open_service(settings, embedder, store=store)
    except TenkyoError:
        raise error from None
    typer.echo(f"tenkyo: {error} What is indexed is served as it is.", err=True)
    return service


def _bring_up_to_date(settings: Settings, store: Store, embedder: Embedder) -> None:
    gc.enable()  # building may take long
    expansions = read_expansions(settings.expansions)
    if not store.is_current([settings.corpus], embedder, expansions):
        store.ingest([settings.corpus, *store.library().sources()], embedder, expansions, build.say)


def worker() -> FastAPI:
    """The application of one of several processes; they have their settings from the environment, like their parent."""
    settings = Settings()
    logs.set_up(settings.log_level, settings.log_format)
    return create_app(settings)


def config(settings: Settings, app: FastAPI | str, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        factory=isinstance(app, str),
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_CUT_OFF_SECONDS,
        timeout_worker_healthcheck=_HANGS_SECONDS,
    )
