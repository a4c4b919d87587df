"""API keys and the page's sessions: SQLite under TENKYO_HOME, with no secret in it.

A key holds 256 random bits. What is drawn from so many can't be guessed from its SHA-256, so the slow hashes
that passwords need would only slow each request down.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from retriever.errors import NotFound, TenkyoError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each may do what those before it may."""
SESSION_DAYS = 30
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys
    (id TEXT PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, sha256 BLOB NOT NULL, created TEXT, revoked TEXT);
CREATE TABLE IF NOT EXISTS sessions
    (id TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys, sha256 BLOB NOT NULL, expires TEXT);
"""
_KEYS = "SELECT id, name, scope, created, revoked FROM keys ORDER BY created, id"
_KEY = "SELECT sha256, id, name, scope, created, revoked FROM keys WHERE id = ? AND revoked IS NULL"
_SESSION = """SELECT sessions.sha256, keys.id, name, scope, created, revoked FROM sessions JOIN keys ON keys.id = key_id
    WHERE sessions.id = ? AND expires > ? AND revoked IS NULL"""


class KeysDamaged(TenkyoError):
    """The file of keys is no SQLite file that can be used. Nobody is let in."""


@dataclass(frozen=True)
class Key:
    """What is known of a key. Times are ISO 8601 in UTC."""

    key_id: str
    name: str
    scope: Scope
    created: str
    revoked: str | None = None

    def may(self, needed: Scope) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(needed)


class Keys:
    """The keys of a home. Each process has its own connection; what another one writes is seen at once.

    Revoked keys stay in the file: one that holds none but them lets nobody in.
    """

    def __init__(self, path: Path):
        self.path = path
        self._any = False

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT, 0o600))  # SQLite's files beside it get the same rights
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        return connection

    def _run(self, query: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise KeysDamaged(f"The API keys can't be read or written ({error}). See the file keys.sqlite.") from error

    def close(self) -> None:
        if "_connection" in self.__dict__:
            self._connection.close()
            del self._connection

    def required(self) -> bool:
        """Whether a key was ever made here. Raises `KeysDamaged`."""
        if not self._any and self.path.exists():
            self._any = bool(self._run("SELECT 1 FROM keys LIMIT 1"))
        return self._any

    def add(self, name: str, scope: Scope) -> tuple[Key, str]:
        """A new key and the token that is shown once, now."""
        key = Key(secrets.token_hex(4), name, scope, _time(datetime.now(UTC)))
        token = f"tenkyo_{key.key_id}_{secrets.token_urlsafe(32)}"
        row = (key.key_id, name, scope, _digest(token), key.created)
        self._run("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", *row)
        return key, token

    def all(self) -> list[Key]:
        """Oldest first, revoked ones too."""
        if not self.path.exists():
            return []
        return [
            Key(*row) for row in self._run("SELECT id, name, scope, created, revoked FROM keys ORDER BY created, id")
        ]

    def revoke(self, key_id: str) -> None:
        """With all its sessions. Raises `NotFound`."""
        if key_id not in {key.key_id for key in self.all() if not key.revoked}:
            raise NotFound(f"There is no key {key_id!r}, or it is revoked already. See `tenkyo keys list`.")
        self._run("UPDATE keys SET revoked = ? WHERE id = ?", _time(datetime.now(UTC)), key_id)
        self._run("DELETE FROM sessions WHERE key_id = ?", key_id)

    def find(self, token: str) -> Key | None:
        """The key that a token belongs to, unless it is revoked."""
        parts = token.split("_", 2)
        return self._matching(token, _KEY, parts[1]) if len(parts) == 3 else None

    def open_session(self, key: Key) -> str:
        """A token for a browser, good for `SESSION_DAYS` or until its key is revoked."""
        session_id, now = secrets.token_hex(8), datetime.now(UTC)
        token = f"{session_id}_{secrets.token_urlsafe(32)}"
        self._run("DELETE FROM sessions WHERE expires <= ?", _time(now))
        row = (session_id, key.key_id, _digest(token), _time(now + timedelta(SESSION_DAYS)))
        self._run("INSERT INTO sessions VALUES (?, ?, ?, ?)", *row)
        return token

    def session(self, token: str) -> Key | None:
        return self._matching(token, _SESSION, token.split("_", 1)[0], _time(datetime.now(UTC)))

    def close_session(self, token: str) -> None:
        if self.session(token):
            self._run("DELETE FROM sessions WHERE id = ?", token.split("_", 1)[0])

    def _matching(self, token: str, query: str, *values: str) -> Key | None:
        """Found by the part that is no secret; the rest is compared in constant time."""
        digest, *row = next(iter(self._run(query, *values)), (bytes(32),))
        return Key(*row) if hmac.compare_digest(_digest(token), digest) else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
