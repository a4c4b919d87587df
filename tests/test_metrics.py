"""What Prometheus reads: the counts, those of several workers together, and the dashboard that shows them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.metrics import Metrics, gauge
from api.noted import Noted
from api.service import Service
from api.settings import Settings
from api.shared import shared

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def client(service: Service, home: Path) -> TestClient:
    return TestClient(create_app(Settings(home=home), service), raise_server_exceptions=False)


def test_requests_stages_and_answers_are_counted(client: TestClient, service: Service) -> None:
    with client:
        client.post("/v1/search", json={"query": "半導体"})
        client.post("/v1/search", json={"query": ""})
        client.post("/v1/ask", json={"question": "露光装置の国産比率は？"})
        client.post("/v1/ask", json={"question": "カレーの作り方を教えて", "stream": True})
        client.post("/v1/ask", json={"question": "露光装置の国産比率は？", "mode": "generative"})
        call = {"name": "ask", "arguments": {"question": "低空経済の定義を教えて"}}
        headers = {"Accept": "application/json, text/event-stream"}
        sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        assert client.post("/mcp", json=sent, headers=headers).json()["result"]["structuredContent"]["answered"]
        for path in ("/v1/documents/nobody", "/v1/documents/nothing", "/nothing", "/no/thing"):
            client.get(path)
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)

    def requests(method: str, route: str, status: int) -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return found[("tenkyo_requests_total", labels)]

    assert (requests("POST", "/v1/search", 200), requests("POST", "/v1/search", 422)) == (1, 1)
    assert requests("POST", "/v1/ask", 200) == 3
    assert requests("GET", "/v1/documents/{doc_id}", 404) == 2
    assert requests("GET", "other", 404) == 2
    assert found[("tenkyo_request_seconds_count", (("route", "/v1/ask"),))] == 3
    stages = {dict(labels)["stage"] for name, labels in found if name == "tenkyo_stage_seconds_count"}
    assert {"search.parse", "search.match", "search.fuse", "search.total", "answer.compose", "answer.total"} <= stages
    assert found[("tenkyo_stage_seconds_count", (("stage", "search.total"),))] == 5
    assert 0 < found[("tenkyo_stage_seconds_sum", (("stage", "search.total"),))] < 60
    assert found[("tenkyo_answers_total", (("mode", "extractive"), ("outcome", "answered")))] == 3
    assert found[("tenkyo_answers_total", (("mode", "extractive"), ("outcome", "abstained")))] == 1
    assert found[("tenkyo_degraded_answers_total", ())] == 1
    assert found[("tenkyo_requests_in_flight", ())] == 1
    assert found[("tenkyo_documents", ())] == 5
    assert found[("tenkyo_passages", ())] == sum(service.index.passage_counts.values())
    assert found[("tenkyo_index_info", (("generation", service.index.generation),))] == 1
    assert (found[("tenkyo_index_usable", ())], found[("tenkyo_documents_waiting", ())]) == (1, 0)


def test_without_an_index_the_metrics_say_so(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path))) as client:
        found = samples(client.get("/metrics").text)
    assert found[("tenkyo_index_usable", ())] == 0
    assert ("tenkyo_documents", ()) not in found


def test_what_a_client_makes_up_is_no_label(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path))) as client:
        client.request("BREW", "/coffee/one")
        client.request("BREW", "/coffee/two")
        found = samples(client.get("/metrics").text)
    labels = (("method", "other"), ("route", "other"), ("status", "404"))
    assert found[("tenkyo_requests_total", labels)] == 2


WORKER = """
import os, sys
from api.metrics import Metrics
from api.noted import Noted
metrics = Metrics()
for status in sys.argv[1:]:
    metrics.began()
    metrics.ended(Noted("id", "/v1/ask", stages={"search.total": 2.0}, outcome="answered", mode="extractive"),
                  "POST", int(status), 0.5)
metrics.began()
if not sys.argv[1:]:
    sys.stdout.write(metrics.exposition([]).decode())
    sys.stdout.flush()
os._exit(9)
"""


def test_the_counts_of_several_workers_are_one(tmp_path: Path) -> None:
    def worker(*statuses: str) -> str:
        command = [sys.executable, "-c", WORKER, *statuses]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 9, done.stderr
        return done.stdout

    with shared() as folder:
        worker("200", "200")
        worker("200", "503")
        found = samples(worker())
    assert not folder.exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    asked = {
        dict(labels)["status"]: count for (name, labels), count in found.items() if name == "tenkyo_requests_total"
    }
    assert asked == {"200": 3, "503": 1}
    assert found[("tenkyo_stage_seconds_sum", (("stage", "search.total"),))] == pytest.approx(0.008)
    assert found[("tenkyo_requests_in_flight", ())] == 1  # those that were killed have none


def queries(panels: list[Any]) -> list[str]:
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_the_dashboard_asks_only_for_metrics_that_there_are() -> None:
    metrics = Metrics()
    metrics.began()
    noted = Noted("id", "/v1/ask", stages={"search.total": 1.0}, outcome="answered", mode="extractive", degraded=True)
    noted.waited = 0.1
    metrics.ended(noted, "POST", 200, 0.1)
    metrics.shed("full")
    state = ["documents", "passages", "documents_waiting", "index_usable"]
    given = [gauge(f"tenkyo_{name}", "", 1) for name in state] + [gauge("tenkyo_index_info", "", 1, generation="1")]
    there = samples(metrics.exposition(given).decode())
    names, labels = {name for name, _ in there}, {label for _, found in there for label, _ in found}
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))
    asked = queries(dashboard["panels"])
    assert len(asked) >= 10
    used = {name for query in asked for name in re.findall(r"tenkyo_\w+", query)}
    assert used <= names
    assert {name.removesuffix("_bucket").removesuffix("_total") for name in used} == {
        re.sub(r"_(bucket|count|sum|created|total)$", "", name) for name in names
    }, "every metric has its panel"
    for query in asked:
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert set(group.replace(" ", "").split(",")) <= labels, query
        for label in re.findall(r"[{,]\s*(\w+)\s*[=!]~?\"", query):
            assert label in labels, query
