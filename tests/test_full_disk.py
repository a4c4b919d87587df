"""A disk that is full, or can't be written: said in a line, the index stays as it was, questions are answered.

.venv/bin/pytest tests/test_full_disk.py --long      (many sizes; and a real small disk, where one can be mounted)
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import kills
import pytest
from conftest import Told
from fastapi.testclient import TestClient
from test_api import problem
from test_kills import OWN, check_completed, corpus, empty, held, shipped  # noqa: F401

from api.app import create_app
from api.doctor import examine
from api.schemas import AskIn
from api.service import open_service
from api.settings import Settings
from retriever.embed import StaticModel

QUESTION = AskIn(question="半導体の輸出規制で何が進むか")


@contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of its own in memory, of some size."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here (root can)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def said(ended: kills.Killed) -> tuple[int, str]:
    ((status, stderr, expected),) = ended.told
    assert expected, stderr
    return status, stderr.strip().split("\n")[-1]


def test_files_that_cannot_grow(
    corpus: Path,  # noqa: F811
    shipped: Path,  # noqa: F811
    tmp_path: Path,
    model: StaticModel,
    long: bool,
    told: Told,
) -> None:
    own = tmp_path / "own.txt"
    own.write_bytes(OWN)
    before = held(shipped, model)
    failed = 0
    for most in range(0, 60_000, 500) if long else (0, 100, 5000, 20_000):
        home = kills.copied(shipped, tmp_path / "home")
        status, line = said(kills.after(600, kills.limited, most, home, corpus, "ingest", str(own)))
        if status == 0:
            break
        failed += 1
        assert (status, line.startswith("tenkyo: ")) == (1, True), line
        assert held(home, model) == before
        kills.undisturbed(kills.command, home, corpus, "ingest", str(own))
        check_completed("ingest PATH", home, model, held(home, model))
    assert failed
    told(f"files that can't grow: {failed} ingests failed, the index stayed, the next one completed")


def test_a_real_disk_that_is_full(
    corpus: Path,  # noqa: F811
    shipped: Path,  # noqa: F811
    tmp_path: Path,
    model: StaticModel,
    long: bool,
    told: Told,
) -> None:
    own = tmp_path / "own.txt"
    own.write_bytes(OWN)
    before, failed, step = held(shipped, model), 0, 8 if long else 200
    used = sum(-(-p.stat().st_size // 4096) * 4 for p in shipped.rglob("*") if p.is_file())
    for free in range(16, 100_000, step):
        with disk(tmp_path / "disk", used + free) as small:
            home = kills.copied(shipped, small / "home")
            status, line = said(kills.after(600, kills.refused, home, corpus, "ingest", str(own)))
            if status == 0:
                break
            failed += 1
            assert (status, line.startswith("tenkyo: ")) == (1, True), line
            assert held(home, model) == before
            settings = Settings(home=home, corpus=corpus)
            assert [finding.place for finding in examine(settings, model.name)] == ["."]
            with closing(open_service(settings, model)) as service:
                assert service.ask(QUESTION).citations
    told(f"a full disk: {failed} ingests failed with {16} to {free} KiB free, the index stayed and answered")


def test_a_disk_that_is_read_only(
    corpus: Path,  # noqa: F811
    shipped: Path,  # noqa: F811
    tmp_path: Path,
    model: StaticModel,
) -> None:
    with disk(tmp_path / "disk", 10_000) as small:
        home = kills.copied(shipped, small / "home")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        status, line = said(kills.after(600, kills.refused, home, corpus, "ingest"))
        assert (status, "Read-only file system" in line) == (1, True), line
        settings = Settings(home=home, corpus=corpus)
        assert [finding.problem for finding in examine(settings, model.name)] == ["It can't be written."]
        with closing(open_service(settings, model)) as service:
            answer = service.ask(QUESTION)
            assert answer.citations
            assert answer.answer_id is None
            assert "The answer isn't kept." in answer.degraded


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_service_on_such_a_disk_answers_and_refuses_what_it_cannot_keep(
    corpus: Path,  # noqa: F811
    shipped: Path,  # noqa: F811
    tmp_path: Path,
    kind: str,
) -> None:
    with disk(tmp_path / "disk", 20_000) as small:
        settings = Settings(home=kills.copied(shipped, small / "home"), corpus=corpus)
        if kind == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            if kind == "full":
                with pytest.raises(OSError, match="No space left"):
                    (small / "rest").write_bytes(b"x" * 30_000_000)
            answer = client.post("/v1/ask", json=QUESTION.model_dump()).json()
            assert answer["citations"]
            assert (answer["answer_id"], "The answer isn't kept." in answer["degraded"]) == (None, True)
            problem(client.post("/v1/documents", files={"file": ("own.txt", OWN)}), 503, "disk_failed")
            problem(client.delete("/v1/documents/chip"), 503, "disk_failed")
            assert client.get("/readyz").status_code == 200
