"""The command line as a person uses it: a real process, a real port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT
from made import Pdf

TENKYO = [sys.executable, "-m", "tenkyo"]


def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TENKYO_HOME": str(home), **settings}
    return subprocess.run([*TENKYO, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_a_question_on_the_command_line(home: Path) -> None:
    asked = run(home, "ask", "中国のAI企業は世界の何割を占めますか")
    assert asked.returncode == 0
    assert "中国は16％を占めている。[" in asked.stdout
    assert asked.stderr == ""


@pytest.mark.parametrize(
    "command", [["search", "半導体"], ["lookup", "露光装置"], ["documents"], ["ask", "露光装置の国産比率"]]
)
def test_json_is_what_the_service_answers(home: Path, command: list[str]) -> None:
    assert json.loads(run(home, *command, "--json").stdout)


def test_a_kept_answer_is_exported(home: Path, tmp_path: Path) -> None:
    asked = run(home, "ask", "--keep", "露光装置の国産比率")
    answer_id = asked.stderr.removeprefix("tenkyo: kept as ").strip()
    assert asked.stderr == f"tenkyo: kept as {answer_id}\n"
    kept = json.loads(run(home, "ask", "--keep", "--json", "露光装置の国産比率").stdout)["answer_id"]
    assert kept not in (None, answer_id)
    page = run(home, "export", answer_id)
    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.startswith("<!doctype html>")
    file, address = tmp_path / "pack.csv", "http://127.0.0.1:8000"
    assert run(home, "export", kept, "--format", "csv", "--output", str(file), "--base-url", address).stdout == ""
    assert file.read_bytes().startswith(b"\xef\xbb\xbfanswer_id,")
    assert f"{address}/documents/004_17361f999aa8c8f0#".encode() in file.read_bytes()


def test_what_cannot_be_exported_or_kept_is_said(home: Path, tmp_path: Path) -> None:
    unknown = run(home, "export", "ans_none")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "'ans_none'" in unknown.stderr
    assert run(home, "export", "ans_none", "--format", "pdf").returncode == 2
    assert run(home, "export", "ans_none", "--base-url", "javascript:x").returncode == 2
    (tmp_path / "index").symlink_to(home / "index")
    none_kept = run(tmp_path, "ask", "--keep", "露光装置の国産比率", "--json", TENKYO_KEEP_ANSWERS_DAYS="0")
    assert json.loads(none_kept.stdout)["answer_id"] is None
    assert none_kept.stderr == "tenkyo: not kept: TENKYO_KEEP_ANSWERS_DAYS is 0\n"


def test_no_index_and_wrong_usage_have_their_exit_codes(tmp_path: Path) -> None:
    missing = run(tmp_path, "ask", "x")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == "tenkyo: There is no index yet. Run `tenkyo ingest` (or `make serve`, which does).\n"
    assert run(tmp_path, "ask").returncode == 2
    assert run(tmp_path, "search", "x", "--top-k", "0").returncode == 2
    assert run(tmp_path, "search", "x", "--mode", "foo").returncode == 2


def test_places_that_cannot_be_written_are_named(home: Path, tmp_path: Path) -> None:
    nowhere = run(Path("/dev/null"), "ingest")
    assert (nowhere.returncode, nowhere.stderr.startswith("tenkyo: /dev/null")) == (1, True)
    assert run(home, "ask", " ").returncode == 2
    (tmp_path / "answers.sqlite").write_text("no database")
    (tmp_path / "index").symlink_to(home / "index")
    damaged = run(tmp_path, "export", "ans_x")
    assert (damaged.returncode, "The kept answers can't be used (file is not a database)" in damaged.stderr) == (
        1,
        True,
    )


def test_ingest_shows_progress_and_refuses_bad_files(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("人型ロボットの新しい報告です。", "utf-8")
    done = run(tmp_path / "home", "ingest", str(tmp_path / "new.txt"), "--json")
    assert json.loads(done.stdout)["passages"] == 1
    assert "[1/1]" in done.stderr
    (tmp_path / "bad.txt").write_bytes("中国产业".encode("gb18030"))
    bad = run(tmp_path / "home", "ingest", str(tmp_path / "bad.txt"))
    assert bad.returncode == 1
    assert "bad.txt: neither UTF-8 (byte 0xd6 at offset 0)" in bad.stderr
    assert "人型ロボット" in run(tmp_path / "home", "search", "ロボット").stdout


def test_settings_that_are_wrong_are_named(home: Path) -> None:
    environment = os.environ | {"TENKYO_HOME": str(home), "TENKYO_PORT": "http"}
    served = subprocess.run([*TENKYO, "serve"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert served.returncode == 1
    assert "port" in served.stderr
    assert "'http'" in served.stderr


def test_only_loopback_is_served_and_a_taken_port_is_said(home: Path) -> None:
    public = run(home, "serve", "--host", "0.0.0.0")
    assert (public.returncode, "--host 0.0.0.0" in public.stderr) == (1, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run(home, "serve", "--port", str(port))
    assert refused.returncode == 1
    assert f"Port {port} on 127.0.0.1 can't be had (Address already in use)" in refused.stderr


def test_serving_from_nothing_answers_a_question_and_stops(tmp_path: Path) -> None:
    """`make serve` as a stranger runs it: builds the index, listens, answers, and goes when told to."""
    environment = os.environ | {"TENKYO_HOME": str(tmp_path)}
    server = subprocess.Popen(
        [*TENKYO, "serve", "--port", "0"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert server.stderr
    try:
        address = next(line for line in server.stderr if "listens on" in line).split()[3]
        body = json.dumps({"question": "低空経済の定義を教えて"}).encode()
        request = urllib.request.Request(f"{address}/v1/ask", body, {"content-type": "application/json"})
        answer = json.loads(open_when_ready(request))
        assert "1000メートル以下の低い高度の空域" in answer["answer"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    assert server.returncode in (0, -signal.SIGTERM)


def open_when_ready(request: urllib.request.Request) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                content: bytes = response.read()
                return content
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_documents_are_taken_in_told_apart_and_taken_out(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.txt").write_bytes("東京の工場の話である。".encode("cp932"))
    (folder / "b.md").write_bytes("東京の工場の話である。".encode())
    pdf = Pdf().write(50, 500, "表紙の文である。").page()
    pdf.canvas.rect(50, 50, 300, 400, fill=1)
    (folder / "scan.pdf").write_bytes(pdf.page().save())
    done = run(tmp_path / "home", "ingest", str(folder))
    assert "b.md: its text is there already, as " in done.stdout
    assert "Page 2: no text (scanned?)." in done.stdout
    assert "2 documents taken in, 0 unchanged, 2 passages" in done.stdout
    again = json.loads(run(tmp_path / "home", "ingest", str(folder), "--json").stdout)
    assert (again["added"], len(again["unchanged"])) == ([], 2)
    listed = json.loads(run(tmp_path / "home", "documents", "--json").stdout)["documents"]
    doc_id = next(d["doc_id"] for d in listed if d["encoding"] == "Shift_JIS")
    removed = run(tmp_path / "home", "ingest", "--remove", doc_id)
    assert "0 documents taken in, 1 taken out, 1 unchanged" in removed.stdout
    assert "東京" not in run(tmp_path / "home", "search", "東京の工場").stdout
    unknown = run(tmp_path / "home", "ingest", "--remove", doc_id)
    assert (unknown.returncode, doc_id in unknown.stderr) == (1, True)
