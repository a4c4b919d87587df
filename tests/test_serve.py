"""`tenkyo serve` as real processes: several workers on one index, and a stop that cuts nobody off."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from conftest import ROOT
from endpoint import Reply
from endpoint import serving as endpoint

TEXT = "人型ロボットの出荷台数は13万台である。"
OWN = "深圳の工場では太陽電池を作っている。"
STARTS = 60


@contextmanager
def serving(home: Path, *arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it is ready. Its own corpus is one file."""
    (home / "corpus").mkdir(parents=True, exist_ok=True)
    (home / "corpus" / "robots.txt").write_text(TEXT, "utf-8")
    environment = os.environ | {"TENKYO_HOME": str(home), "TENKYO_CORPUS": str(home / "corpus"), **settings}
    command = [sys.executable, "-m", "tenkyo", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            address = next(line for line in process.stderr if "listens on" in line).split()[3]
            assert get(address, "/readyz", timeout=STARTS).status_code == 200
            yield process, address
        finally:
            process.terminate()
            process.communicate(timeout=STARTS)


def get(address: str, path: str, timeout: float = STARTS) -> httpx2.Response:
    return httpx2.get(address + path, timeout=timeout)


def found(address: str, query: str) -> list[str]:
    """Over a connection of its own, so that either worker may answer."""
    response = httpx2.post(f"{address}/v1/search", json={"query": query}, timeout=STARTS).raise_for_status()
    return [hit["text"] for hit in response.json()["hits"]]


def test_what_one_worker_takes_in_or_out_all_workers_see(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (_, address):
        deadline = time.monotonic() + STARTS
        while len(readers := list((tmp_path / "index" / "readers").glob("[!.]*"))) < 2:
            assert time.monotonic() < deadline, readers
            time.sleep(0.05)
        taken = httpx2.post(
            f"{address}/v1/documents?wait=true", files={"file": ("own.txt", OWN.encode())}, timeout=STARTS
        )
        assert taken.status_code == 201, taken.text
        assert {path.read_text() for path in readers} == {get(address, "/readyz").json()["index_generation"]}
        with ThreadPoolExecutor(8) as pool:
            assert all(OWN in hits for hits in pool.map(found, [address] * 24, ["太陽電池の工場"] * 24))
        assert httpx2.delete(f"{address}/v1/documents/{taken.json()['doc_id']}", timeout=STARTS).status_code == 204
        with ThreadPoolExecutor(8) as pool:
            assert not any(OWN in hits for hits in pool.map(found, [address] * 24, ["太陽電池の工場"] * 24))
    assert list((tmp_path / "index" / "readers").iterdir()) == []


def test_told_to_stop_it_finishes_what_is_under_way_and_takes_no_more(tmp_path: Path) -> None:
    with endpoint() as model, ThreadPoolExecutor(1) as pool:
        model.default = Reply(f"{TEXT}[1]", pause_s=0.3)
        settings = {"TENKYO_LLM_BASE_URL": model.base_url, "TENKYO_LLM_MODEL": "m"}
        with serving(tmp_path, **settings) as (process, address):
            under_way = pool.submit(ask, address)
            deadline = time.monotonic() + STARTS
            while not model.asked:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            refused = wait_for_status(address, "/readyz", 503)
            assert (refused.json()["code"], refused.headers["retry-after"]) == ("stopping", "5")
            assert get(address, "/healthz").status_code == 200
            answer = under_way.result(timeout=STARTS)
            process.wait(timeout=STARTS)
    assert answer["mode"] == "generative"
    assert answer["citations"][0]["quote"] == TEXT
    assert process.returncode in (0, -signal.SIGTERM)


def ask(address: str) -> dict[str, Any]:
    body = {"question": "人型ロボットの出荷台数は何台ですか", "store": False}
    found: dict[str, Any] = httpx2.post(f"{address}/v1/ask", json=body, timeout=STARTS).raise_for_status().json()
    return found


def wait_for_status(address: str, path: str, status: int) -> httpx2.Response:
    deadline = time.monotonic() + STARTS
    while (response := get(address, path)).status_code != status:
        assert time.monotonic() < deadline, response.text
        time.sleep(0.02)
    return response


def test_serving_loads_only_what_answering_needs(tmp_path: Path) -> None:
    code = """
import sys
from fastapi.testclient import TestClient
import tenkyo
from api.serving import prepare, create_app
from api.settings import Settings
settings = Settings()
with TestClient(create_app(settings, first=prepare(settings)), base_url="http://127.0.0.1:8000") as client:
    assert client.post("/v1/ask", json={"question": "出荷台数", "store": False}).status_code == 200
    assert client.post("/v1/citations/lookup", json={"text": "13万台"}).json()["matches"]
    heavy = {"torch", "sentence_transformers", "sklearn", "mcp", "openai", "scipy", "matplotlib", "lxml", "pypdfium2"}
    print(*sorted(heavy & sys.modules.keys()) or ["none"])
    headers = {"accept": "application/json, text/event-stream"}
    tools = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    names = [tool["name"] for tool in client.post("/mcp", json=tools, headers=headers).json()["result"]["tools"]]
    print(*sorted(names))
"""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "robots.txt").write_text(TEXT, "utf-8")
    environment = os.environ | {"TENKYO_HOME": str(tmp_path), "TENKYO_CORPUS": str(tmp_path / "corpus")}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["none", "ask get_passage lookup search"], done.stderr
