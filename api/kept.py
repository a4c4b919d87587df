"""Kept answers: SQLite outside the index generations, so that a new index loses none."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from retriever.errors import NotFound, TenkyoError

log = logging.getLogger("tenkyo")

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (answer_id TEXT PRIMARY KEY, created TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS answers_by_age ON answers (created);
"""
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class KeptAnswersFailed(TenkyoError):
    """The file of kept answers is damaged, or can't be read or written now."""


class Kept(Protocol):
    """Where answers are kept. Each use may raise `KeptAnswersFailed`."""

    days: int | None

    def keep(self, answer: dict[str, Any]) -> None: ...

    def get(self, answer_id: str) -> dict[str, Any]:
        """Raises `NotFound`, also for one that has grown too old since the last was kept."""

    def newest(self, start: int, count: int) -> list[dict[str, Any]]: ...

    def delete(self, answer_id: str) -> None:
        """Raises `NotFound`."""

    def close(self) -> None: ...


class KeptAnswers:
    """`days`: how long an answer is kept; `None` until it is deleted, 0 not at all.

    Each use raises `KeptAnswersFailed` where the file can't be used; the next one tries again.
    """

    def __init__(self, path: Path, days: int | None = None):
        self.days = days
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        try:
            with self._transaction():
                pass
        except KeptAnswersFailed as error:  # all else goes on without
            log.error("%s", error)

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._opened()
            with connection:
                yield connection
        except sqlite3.Error as error:
            self.close()
            damaged = error.sqlite_errorname.startswith(_DAMAGED)
            remedy = "`tenkyo doctor --repair` saves those that can be read" if damaged else "Try again later"
            raise KeptAnswersFailed(f"The kept answers can't be used ({error}). {remedy}.") from error

    def _opened(self) -> sqlite3.Connection:
        """Opened anew where another file has taken its place, as `tenkyo doctor --repair` has it."""
        if self._connection and self._path.exists() and self._path.stat().st_ino == self._inode:
            return self._connection
        self.close()
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(SCHEMA)
        self._inode = self._path.stat().st_ino
        with self._connection:
            self._forget_old(self._connection)
        return self._connection

    def keep(self, answer: dict[str, Any]) -> None:
        with self._transaction() as connection:
            row = (answer["answer_id"], answer["created"], json.dumps(answer, ensure_ascii=False))
            connection.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
            self._forget_old(connection)

    def _forget_old(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM answers WHERE created < ?", (self._oldest(),))

    def _oldest(self) -> str:
        return oldest(self.days)

    def get(self, answer_id: str) -> dict[str, Any]:
        """Raises `NotFound`, also for one that has grown too old since the last was kept."""
        query = "SELECT body FROM answers WHERE answer_id = ? AND created >= ?"
        with self._transaction() as connection:
            row = connection.execute(query, (answer_id, self._oldest())).fetchone()
        if not row:
            raise not_kept(answer_id)
        return read_body(answer_id, row[0])

    def newest(self, start: int, count: int) -> list[dict[str, Any]]:
        query = (
            "SELECT answer_id, body FROM answers WHERE created >= ? ORDER BY created DESC, answer_id LIMIT ? OFFSET ?"
        )
        with self._transaction() as connection:
            rows = connection.execute(query, (self._oldest(), count, start)).fetchall()
        return [read_body(answer_id, body) for answer_id, body in rows]

    def delete(self, answer_id: str) -> None:
        with self._transaction() as connection:
            deleted = connection.execute("DELETE FROM answers WHERE answer_id = ?", (answer_id,)).rowcount
        if not deleted:
            raise not_kept(answer_id)


def oldest(days: int | None) -> str:
    """When the oldest answer that is still kept may have been made; ISO 8601 in UTC sorts as text."""
    return "" if days is None else f"{datetime.now(UTC) - timedelta(days):%Y-%m-%dT%H:%M:%S}"


def not_kept(answer_id: str) -> NotFound:
    return NotFound(f"There is no answer {answer_id!r}. It was never kept, or it was deleted.")


def read_body(answer_id: str, body: str) -> dict[str, Any]:
    """Raises `KeptAnswersFailed` where it isn't what was written."""
    try:
        values: dict[str, Any] = json.loads(body)
    except (ValueError, TypeError) as error:
        raise KeptAnswersFailed(f"The kept answer {answer_id!r} is damaged. Run `tenkyo doctor --repair`.") from error
    return values
