"""Kept answers: how long they are kept."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.kept import KeptAnswers
from api.settings import Settings
from retriever.errors import NotFound


def answer(answer_id: str, days_ago: float) -> dict[str, Any]:
    created = datetime.now(UTC) - timedelta(days_ago)
    return {"answer_id": answer_id, "created": created.isoformat().replace("+00:00", "Z")}


def held(path: Path) -> set[str]:
    """What the file holds, whatever is read of it."""
    with closing(KeptAnswers(path)) as kept:
        return {row[0] for row in kept._connection.execute("SELECT answer_id FROM answers")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two answers, one of them a month old."""
    with closing(KeptAnswers(tmp_path / "answers.sqlite")) as kept:
        kept.keep(answer("old", 31))
        kept.keep(answer("new", 1))
    return tmp_path / "answers.sqlite"


def test_answers_are_kept_until_they_are_deleted(path: Path) -> None:
    with closing(KeptAnswers(path)) as kept:
        assert kept.get("old")["answer_id"] == "old"
        kept.delete("old")
        with pytest.raises(NotFound, match="'old'"):
            kept.delete("old")
    assert held(path) == {"new"}


def test_old_answers_go_when_the_file_is_opened(path: Path) -> None:
    KeptAnswers(path, 30).close()
    assert held(path) == {"new"}
    KeptAnswers(path, 0).close()
    assert held(path) == set()


def test_old_answers_go_when_a_new_one_is_kept(path: Path) -> None:
    with closing(KeptAnswers(path, 40)) as kept:
        kept.days = 30  # as if ten days had passed
        with pytest.raises(NotFound, match="'old'"):
            kept.get("old")
        assert held(path) == {"old", "new"}
        kept.keep(answer("newest", 0))
        assert kept.get("new")
    assert held(path) == {"new", "newest"}


def test_the_deletion_uses_the_index(path: Path) -> None:
    with closing(KeptAnswers(path)) as kept:
        plan = kept._connection.execute("EXPLAIN QUERY PLAN DELETE FROM answers WHERE created < '2026'").fetchall()
        assert "answers_by_age" in plan[0][-1]


def test_the_setting_takes_days_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, days in (("", None), ("0", 0), ("30", 30)):
        monkeypatch.setenv("TENKYO_KEEP_ANSWERS_DAYS", given)
        assert Settings().keep_answers_days == days
    for wrong in ("-1", "1.5", "never", "99999999"):
        monkeypatch.setenv("TENKYO_KEEP_ANSWERS_DAYS", wrong)
        with pytest.raises(ValidationError, match="keep_answers_days"):
            Settings()
