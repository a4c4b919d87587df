"""Kept answers: SQLite outside the index generations, so that a new index loses none."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from retriever.errors import NotFound, TenkyoError

_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (answer_id TEXT PRIMARY KEY, created TEXT, body TEXT)"


class KeptAnswersDamaged(TenkyoError):
    """The file of kept answers is no SQLite file that can be used."""


class KeptAnswers:
    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            with self._connection:
                self._connection.execute(_SCHEMA)
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

    def get(self, answer_id: str) -> dict[str, Any]:
        row = self._connection.execute("SELECT body FROM answers WHERE answer_id = ?", (answer_id,)).fetchone()
        if not row:
            raise NotFound(f"There is no answer {answer_id!r}. It was never kept, or it was deleted.")
        body: dict[str, Any] = json.loads(row[0])
        return body

    def delete(self, answer_id: str) -> None:
        with self._connection:
            deleted = self._connection.execute("DELETE FROM answers WHERE answer_id = ?", (answer_id,)).rowcount
        if not deleted:
            raise NotFound(f"There is no answer {answer_id!r}. It was never kept, or it was deleted.")
