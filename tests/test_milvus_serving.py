"""Services and ingests as processes of their own on one store, Milvus Lite in a cluster's place."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import ROOT
from lite import free_port, lite
from test_index import TEXTS
from test_serve import OWN, STARTS, TEXT, found, serving

SEEN_S = 5.0
ID = hashlib.sha256(OWN.encode()).hexdigest()[:16]


@contextmanager
def asking(addresses: list[str]) -> Iterator[list[int]]:
    """Asks each service all the time; the statuses of all answers."""
    statuses: list[int] = []
    stop = threading.Event()

    def ask(address: str) -> None:
        while not stop.wait(0.5):
            body = {"question": "人型ロボットの出荷台数は？"}
            statuses.append(httpx2.post(f"{address}/v1/ask", json=body, timeout=STARTS).status_code)

    threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def status(address: str) -> dict[str, Any]:
    answer = httpx2.get(f"{address}/readyz", timeout=STARTS)
    return {"status_code": answer.status_code, **answer.json()}


def wait_until(condition: Any, seconds: float) -> float:
    """How long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.1)
    return time.monotonic() - started


def test_two_services_and_two_ingests_share_one_store(tmp_path: Path, long: bool) -> None:
    if not long:
        pytest.skip("half a minute: --long")
    port = free_port()
    files = [tmp_path / f"{name}.txt" for name in TEXTS]
    for file in files:
        file.write_text(TEXTS[file.stem], "utf-8")
    with lite(tmp_path, port) as (uri, cluster):
        settings = {"TENKYO_STORE": "milvus", "TENKYO_MILVUS_URI": uri}
        with serving(tmp_path / "a", **settings) as (_, a), serving(tmp_path / "b", **settings) as (_, b):
            assert status(a) == status(b)
            with asking([a, b]) as statuses:
                command = [sys.executable, "-m", "tenkyo", "ingest", *map(str, files)]
                homes = [{"TENKYO_HOME": str(tmp_path / name), **settings} for name in ("c", "d")]
                ingests = [subprocess.Popen(command, cwd=ROOT, env=os.environ | home) for home in homes]
                assert [ingest.wait(120) for ingest in ingests] == [0, 0]
                for address in (a, b):
                    documents = httpx2.get(f"{address}/v1/documents", timeout=STARTS).json()["documents"]
                    assert sorted(d["passages"] for d in documents) == [1, 1, 1, 1]
                    assert TEXTS["energy"] in found(address, "風力")

                sent = httpx2.post(
                    f"{a}/v1/documents",
                    params={"wait": True},
                    files={"file": ("own.txt", OWN.encode())},
                    timeout=STARTS,
                )
                assert (sent.status_code, sent.json()["doc_id"]) == (201, ID)
                assert wait_until(lambda: OWN in found(b, "太陽電池"), SEEN_S) < SEEN_S
                kept = httpx2.post(f"{a}/v1/ask", json={"question": "深圳の工場では何を作っているか"}, timeout=STARTS)
                answer_id = kept.json()["answer_id"]
                assert httpx2.get(f"{b}/v1/answers/{answer_id}", timeout=STARTS).json()["question"]
                assert httpx2.delete(f"{b}/v1/documents/{ID}", timeout=STARTS).status_code == 204
                assert wait_until(lambda: OWN not in found(a, "太陽電池"), SEEN_S) < SEEN_S
                assert httpx2.get(f"{a}/v1/documents/{ID}", timeout=STARTS).status_code == 404
            assert set(statuses) == {200}
            assert len(statuses) > 10
            assert status(a) == status(b)
            generation = status(a)["index_generation"]
            cluster.kill()
            wait_until(lambda: status(a)["status_code"] == 503, 20)
            assert status(a)["code"] == "store_unreachable"
            assert f"127.0.0.1:{port}" in status(a)["detail"]
            assert httpx2.get(f"{a}/healthz", timeout=STARTS).status_code == 200
            with lite(tmp_path, port):
                wait_until(lambda: status(a)["status_code"] == 200, 30)
                assert status(a)["index_generation"] == generation
                assert TEXT in found(a, "出荷台数")
