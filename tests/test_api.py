"""The HTTP contract: shapes, errors, spans. Everything goes through the application."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS
from fastapi.testclient import TestClient

from api.app import create_app
from api.citations.quotes import squeeze
from api.settings import Settings
from ingest import build
from retriever.embed import StaticModel
from retriever.readers import wait_for_readers


def held(source: str, spans: list[list[int]]) -> str:
    return squeeze("".join(source[start:end] for start, end in spans))


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    assert {"type", "title", "detail"} <= body.keys()
    return body


def test_search_answers_as_the_contract_says(client: TestClient) -> None:
    body = client.post("/v1/search", json={"query": "百度 文心一言 発表時期", "top_k": 3, "explain": True}).json()
    assert (body["query"], body["language"], body["mode"], body["degraded"]) == (
        "百度 文心一言 発表時期",
        "ja",
        "hybrid",
        None,
    )
    assert [hit["rank"] for hit in body["hits"]] == [1, 2, 3]
    assert body["hits"][0]["scores"]["terms"]["words"][-2:] == ["発表", "時期"]
    for hit in body["hits"]:
        source = client.get(f"/v1/documents/{hit['doc_id']}/source").text
        assert held(source, hit["spans"]) == squeeze(hit["text"])
    assert client.post("/v1/search", json={"query": "AI"}).json()["hits"][0]["scores"] is None


def test_a_requested_language_overrules_the_detected_one(client: TestClient) -> None:
    assert client.post("/v1/search", json={"query": "Galbot", "language": "zh"}).json()["language"] == "zh"


@pytest.mark.parametrize("mode", ["lexical", "dense"])
def test_the_mode_is_the_one_that_ran(client: TestClient, mode: str) -> None:
    assert client.post("/v1/search", json={"query": "半導体", "mode": mode}).json()["mode"] == mode


def test_filters_reach_the_search(client: TestClient) -> None:
    filters = {"doc_ids": ["004_17361f999aa8c8f0"], "published_from": "2025", "kinds": ["prose"]}
    hits = client.post("/v1/search", json={"query": "半導体", "filters": filters, "top_k": 50}).json()["hits"]
    assert {hit["doc_id"] for hit in hits} == {"004_17361f999aa8c8f0"}


def test_an_answer_cites_places_that_hold_its_quotes(client: TestClient) -> None:
    body = client.post("/v1/ask", json={"question": "中国のAI企業は世界の何割を占めますか"}).json()
    assert body["answered"]
    assert body["abstention"] is None
    assert "中国は16％を占めている" in body["answer"]
    assert body["answer"].count("[1]") == 1
    for citation in body["citations"]:
        document = client.get(f"/v1/documents/{citation['doc_id']}").json()
        source = client.get(f"/v1/documents/{citation['doc_id']}/source").text
        assert citation["source_sha256"] == document["source_sha256"]
        assert held(source, citation["spans"]) == squeeze(citation["quote"])
        assert citation["url"].startswith(f"/documents/{citation['doc_id']}#")


def test_a_refusal_is_a_normal_answer(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": "カレーの作り方を教えて"})
    assert response.status_code == 200
    body = response.json()
    assert (body["answered"], body["answer"], body["citations"]) == (False, None, [])
    assert body["abstention"]["nearest"]


def test_a_kept_answer_is_read_again_checked_and_deleted(client: TestClient) -> None:
    kept = client.post("/v1/ask", json={"question": "露光装置の国産比率"}).json()
    again = client.get(f"/v1/answers/{kept['answer_id']}").json()
    assert again["answer"] == kept["answer"]
    assert {citation["status"] for citation in again["citations"]} == {"intact"}
    assert client.delete(f"/v1/answers/{kept['answer_id']}").status_code == 204
    problem(client.get(f"/v1/answers/{kept['answer_id']}"), 404, "not_found")
    problem(client.delete(f"/v1/answers/{kept['answer_id']}"), 404, "not_found")
    assert client.post("/v1/ask", json={"question": "露光装置", "store": False}).json()["answer_id"] is None


def test_a_streamed_answer_ends_with_the_whole(client: TestClient) -> None:
    with client.stream("POST", "/v1/ask", json={"question": "露光装置の国産比率", "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [block.split("\n") for block in "".join(response.iter_text()).strip().split("\n\n")]
    names = [event[0].removeprefix("event: ") for event in events]
    assert names[0] == "retrieval"
    assert names[-1] == "done"
    assert set(names[1:-1]) == {"sentence"}
    whole = json.loads(events[-1][1].removeprefix("data: "))
    assert [json.loads(e[1].removeprefix("data: ")) for e in events[1:-1]] == whole["sentences"]


def test_lookup_tells_verbatim_from_near(client: TestClient) -> None:
    body = client.post("/v1/citations/lookup", json={"text": "国産比率は１％未満に\nとどまっています"}).json()
    assert body["status"] == "verbatim"
    match = body["matches"][0]
    assert match["section"] == ["半導体・チップ分野：国産化の進展と技術生態系の整備"]
    source = client.get(f"/v1/documents/{match['doc_id']}/source").text
    assert held(source, match["spans"]) == squeeze(match["quote"])
    near = client.post("/v1/citations/lookup", json={"text": "国産比率は 2%未満にとどまっています"}).json()
    assert (near["status"], near["matches"][0]["numbers_agree"]) == ("near", False)


def test_documents_and_passages_are_read_in_pages(client: TestClient) -> None:
    first = client.get("/v1/documents", params={"limit": 2}).json()
    second = client.get("/v1/documents", params={"limit": 50, "cursor": first["next_cursor"]}).json()
    documents = first["documents"] + second["documents"]
    assert [d["doc_id"][:3] for d in documents] == ["000", "001", "002", "003", "004"]
    assert second["next_cursor"] is None
    assert documents[1]["author"] == "邵永裕"
    assert documents[0]["published_basis"] == "inferred"
    page = client.get("/v1/documents/004_17361f999aa8c8f0/passages", params={"limit": 200}).json()
    assert len(page["passages"]) == documents[4]["passages"]
    passage = page["passages"][0]
    assert client.get(f"/v1/passages/{passage['passage_id']}").json() == passage


def test_the_source_is_the_file(client: TestClient) -> None:
    source = client.get("/v1/documents/001_5012c29cd5c14aca/source")
    assert source.content == (CORPUS / "001_5012c29cd5c14aca.txt").read_bytes()
    assert source.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("route", "body", "pointer", "detail"),
    [
        ("search", {"query": ""}, "/query", "at least 1 character"),
        ("search", {"query": " \u3000\n"}, "/query", "white space only"),
        ("search", {"query": "x", "a~b/c": 1}, "/a~0b~1c", "not known"),
        ("search", {"query": "x" * 2001}, "/query", "at most 2000 characters"),
        ("search", {"query": "x", "topk": 3}, "/topk", "not known"),
        ("search", {"query": "x", "top_k": "3"}, "/top_k", "given: '3'"),
        ("search", {"query": "x", "top_k": 51}, "/top_k", "given: '51'"),
        ("search", {"query": "x", "mode": "fuzzy"}, "/mode", "given: 'fuzzy'"),
        ("search", {"query": 5}, "/query", "given: '5'"),
        ("search", {"query": "x", "filters": {"years": [2024]}}, "/filters/years", "not known"),
        ("search", {}, "/query", "required"),
        ("ask", {"question": "x", "language": "Japanese"}, "/language", "given: 'Japanese'"),
        ("citations/lookup", {"text": ""}, "/text", "at least 1 character"),
    ],
)
def test_bad_fields_are_pointed_at(
    client: TestClient, route: str, body: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problem(client.post(f"/v1/{route}", json=body), 422, "invalid_request")["errors"]
    assert any(error["pointer"] == pointer and detail in error["detail"] for error in found), found


def test_other_bad_requests_have_their_status(client: TestClient) -> None:
    broken = client.post("/v1/search", content=b'{"query": "x"', headers={"content-type": "application/json"})
    assert "no valid JSON" in problem(broken, 400, "invalid_json")["detail"]
    latin = client.post("/v1/search", content=b'{"query": "\xff"}', headers={"content-type": "application/json"})
    problem(latin, 400, "invalid_json")
    problem(client.post("/v1/search", content=b"x" * 1_100_000), 413, "too_large")
    assert "'nobody'" in problem(client.get("/v1/documents/nobody"), 404, "not_found")["detail"]
    problem(client.get("/v1/passages/x.1-2"), 404, "not_found")
    problem(client.get("/v1/nothing"), 404, "not_found")
    problem(client.get("/v1/search"), 405, "method_not_allowed")
    unknown = client.post("/v1/search", json={"query": "x", "filters": {"doc_ids": ["nobody"]}})
    problem(unknown, 404, "not_found")
    date = client.post("/v1/search", json={"query": "x", "filters": {"published_from": "yesterday"}})
    assert "'yesterday'" in problem(date, 422, "bad_filter")["detail"]
    assert date.json()["errors"][0]["pointer"] == "/filters/published_from"
    problem(client.get("/v1/documents", params={"cursor": "!"}), 422, "bad_filter")
    problem(client.get("/v1/documents", params={"limt": "3"}), 422, "invalid_request")
    problem(
        client.post("/v1/search", content=b'{"query": "x"}', headers={"content-type": "text/plain"}),
        415,
        "unsupported_media_type",
    )
    problem(client.post("/v1/search", content=(b"x" * 4096 for _ in range(300))), 413, "too_large")
    assert client.post("/v1/search", json={"query": "ﷺ" * 2000}).status_code == 200
    for half in (rb'{"query": "\ud800"}', rb'{"query": "x", "filters": {"doc_ids": ["\ud800"]}}'):
        problem(
            client.post("/v1/search", content=half, headers={"content-type": "application/json"}),
            422,
            "invalid_request",
        )


def test_a_new_generation_is_taken_up_and_a_damaged_one_is_not(tmp_path: Path, model: StaticModel) -> None:
    (tmp_path / "a.txt").write_text("人型ロボットの報告です。", "utf-8")
    (tmp_path / "b.txt").write_text("新しい半導体の報告です。", "utf-8")
    settings = Settings(home=tmp_path / "home")
    build.ingest(settings.index, [tmp_path / "a.txt"], model, progress=lambda message: None)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        first = client.get("/readyz").json()["index_generation"]
        build.ingest(settings.index, [tmp_path / "b.txt"], model, progress=lambda message: None)
        assert wait_for_readers(settings.index, 30) == 0
        second = client.get("/readyz").json()["index_generation"]
        assert first != second
        assert len(client.get("/v1/documents").json()["documents"]) == 2
        (settings.index / "CURRENT").write_text("000009-0123456789ab\n")
        assert wait_for_readers(settings.index, 0.5) == 1
        assert client.get("/readyz").json()["index_generation"] == second


def test_the_page_of_a_source_holds_its_text_escaped(client: TestClient) -> None:
    page = client.get("/documents/001_5012c29cd5c14aca")
    source = client.get("/v1/documents/001_5012c29cd5c14aca/source").text
    assert page.headers["content-type"].startswith("text/html")
    shown = page.text.split('id="source"')[1].split(">\n", 1)[1].split("</pre>")[0]
    assert unescape(shown) == source
    assert "＜指導理念＞" in shown


def test_health_and_documentation(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/search", "/v1/ask", "/v1/citations/lookup", "/v1/answers/{answer_id}"} <= paths.keys()
    assert client.get("/docs").status_code == 200


def test_without_an_index_the_process_lives_and_says_why(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path)), raise_server_exceptions=False) as client:
        assert client.get("/healthz").status_code == 200
        assert "tenkyo ingest" in problem(client.get("/readyz"), 503, "no_index")["detail"]
        response = client.post("/v1/search", json={"query": "x"})
        problem(response, 503, "no_index")
        assert response.headers["retry-after"]
        assert client.post("/v1/search", json={"query": ""}).status_code == 422
