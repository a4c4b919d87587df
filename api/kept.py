"""Kept answers: SQLite outside the index generations, so that a new index loses none."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from retriever.errors import NotFound, TenkyoError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (answer_id TEXT PRIMARY KEY, created TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS answers_by_age ON answers (created);
"""


class KeptAnswersDamaged(TenkyoError):
    """The file of kept answers is no SQLite file that can be used."""


class KeptAnswers:
    """`days`: how long an answer is kept; `None` until it is deleted, 0 not at all."""

    def __init__(self, path: Path, days: int | None = None):
        self.days = days
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.executescript(_SCHEMA)
            with self._connection:
                self._forget_old()
        except sqlite3.Error as error:
            raise KeptAnswersDamaged(
                f"{path}: the kept answers can't be opened ({error}). Move the file away to go on."
            ) from error

    def close(self) -> None:
        self._connection.close()

    def keep(self, answer: dict[str, Any]) -> None:
        with self._connection:
            row = (answer["answer_id"], answer["created"], json.dumps(answer, ensure_ascii=False))
            self._connection.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
            self._forget_old()

    def _forget_old(self) -> None:
        self._connection.execute("DELETE FROM answers WHERE created < ?", (self._oldest(),))

    def _oldest(self) -> str:
        """When the oldest answer that is still kept may have been made; ISO 8601 in UTC sorts as text."""
        return "" if self.days is None else f"{datetime.now(UTC) - timedelta(self.days):%Y-%m-%dT%H:%M:%S}"

    def get(self, answer_id: str) -> dict[str, Any]:
        """Raises `NotFound`, also for one that has grown too old since the last was kept."""
        query = "SELECT body FROM answers WHERE answer_id = ? AND created >= ?"
        row = self._connection.execute(query, (answer_id, self._oldest())).fetchone()
        if not row:
            raise NotFound(f"There is no answer {answer_id!r}. It was never kept, or it was deleted.")
        body: dict[str, Any] = json.loads(row[0])
        return body

    def newest(self, start: int, count: int) -> list[dict[str, Any]]:
        query = "SELECT body FROM answers WHERE created >= ? ORDER BY created DESC, answer_id LIMIT ? OFFSET ?"
        return [json.loads(body) for (body,) in self._connection.execute(query, (self._oldest(), count, start))]

    def delete(self, answer_id: str) -> None:
        with self._connection:
            deleted = self._connection.execute("DELETE FROM answers WHERE answer_id = ?", (answer_id,)).rowcount
        if not deleted:
            raise NotFound(f"There is no answer {answer_id!r}. It was never kept, or it was deleted.")
