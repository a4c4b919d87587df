"""A person's own documents over HTTP: taken in, found, refused, taken out. Real processes, a small index."""

import asyncio
import hashlib
import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from made import Pdf, report, word
from test_api import problem

from api import uploads
from api.app import create_app
from api.settings import Settings
from ingest import build
from ingest.library import Library, shown_name
from retriever.embed import StaticModel

SHIPPED = "太陽光と風力の発電量が増えている。"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Settings:
    """A home with one shipped document."""
    folder = tmp_path_factory.mktemp("own")
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "energy.txt").write_text(SHIPPED, "utf-8")
    sha256 = hashlib.sha256(SHIPPED.encode()).hexdigest()
    entry = f'id = "energy"\nfile = "energy.txt"\nsha256 = "{sha256}"\ntitle = "電力"\nlanguage = "ja"\n'
    (corpus / "manifest.toml").write_text(f"[[documents]]\n{entry}", "utf-8")
    settings = Settings(home=folder / "home", corpus=corpus)
    build.ingest(settings.index, [corpus], model, progress=lambda message: None)
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def upload(client: TestClient, name: str, content: bytes, wait: bool = True, **metadata: str) -> Any:
    return client.post("/v1/documents", params={"wait": wait}, files={"file": (name, content)}, data=metadata)


def found(client: TestClient, query: str) -> list[str]:
    return [hit["doc_id"] for hit in client.post("/v1/search", json={"query": query}).json()["hits"]]


def polled(client: TestClient, doc_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (body := client.get(f"/v1/documents/{doc_id}").json())["status"] == "processing":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return body


def refused(client: TestClient, name: str, content: bytes, status: int, code: str) -> str:
    detail: str = problem(upload(client, name, content), status, code)["detail"]
    assert str(Path(__file__).parents[1]) not in detail
    return detail


def test_a_pdf_is_taken_in_found_by_page_and_taken_out(client: TestClient, settings: Settings) -> None:
    taken = upload(client, "報告.pdf", report(), title="ロボットの報告書", author="山田", published="2025-04")
    assert taken.status_code == 201, taken.text
    body = taken.json()
    doc_id = body["doc_id"]
    assert taken.headers["location"] == f"/v1/documents/{doc_id}"
    assert (body["status"], body["page_count"], body["filename"]) == ("ready", 2, "報告.pdf")
    assert (body["title"], body["author"], body["published"]) == ("ロボットの報告書", "山田", "2025-04")
    assert body["file_sha256"] == hashlib.sha256(report()).hexdigest()
    source = client.get(f"/v1/documents/{doc_id}/source").text
    assert body["source_sha256"] == hashlib.sha256(source.encode()).hexdigest()
    hits = client.post("/v1/search", json={"query": "国産の部品", "filters": {"doc_ids": [doc_id]}}).json()["hits"]
    assert {hit["page"] for hit in hits} == {1, 2}
    again = upload(client, "別名.pdf", report())
    assert (again.status_code, again.json()["doc_id"]) == (200, doc_id)
    answer = client.post("/v1/ask", json={"question": "薬局でも働いている台数は去年の何倍？"}).json()
    assert answer["citations"][0]["doc_id"] == doc_id
    assert client.delete(f"/v1/documents/{doc_id}").status_code == 204
    assert doc_id not in found(client, "人型ロボットの市場")
    problem(client.get(f"/v1/documents/{doc_id}"), 404, "not_found")
    problem(client.delete(f"/v1/documents/{doc_id}"), 404, "not_found")
    kept = client.get(f"/v1/answers/{answer['answer_id']}").json()
    assert kept["citations"][0]["status"] == "missing"
    assert not list((settings.library / "files").iterdir())
    assert upload(client, "報告.pdf", report()).status_code == 201
    assert doc_id in found(client, "人型ロボットの市場")


def test_without_waiting_a_document_is_polled(client: TestClient) -> None:
    accepted = upload(client, "半導体.docx", word(), wait=False)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "processing")
    doc_id = accepted.json()["doc_id"]
    listed = {d["doc_id"]: d["status"] for d in client.get("/v1/documents").json()["documents"]}
    assert listed[doc_id] in ("processing", "ready")
    body = polled(client, doc_id)
    assert (body["status"], body["title"]) == ("ready", "半導体の報告")
    assert doc_id in found(client, "文心一言の発表")


def test_the_same_text_in_another_file_is_the_document_that_is_there(client: TestClient) -> None:
    first = upload(client, "一.txt", "露光装置の輸入が急に減った。".encode()).json()
    other = upload(client, "二.txt", "露光装置の輸入が急に減った。".encode("cp932"))
    assert (other.status_code, other.json()["doc_id"]) == (200, first["doc_id"])
    later = upload(client, "三.txt", "露光装置の輸入が急に減った。".encode("euc_jp"), wait=False).json()
    body = polled(client, later["doc_id"])
    assert (body["status"], body["code"], body["duplicate_of"]) == ("failed", "duplicate_text", first["doc_id"])


def test_bad_files_are_refused_and_the_service_goes_on(client: TestClient) -> None:
    assert "0 bytes" in refused(client, "空.txt", b"", 422, "file_empty")
    refused(client, "絵.pdf", b"\x89PNG\r\n\x1a\n", 415, "unknown_format")
    refused(client, "半分.pdf", report()[:1000], 422, "file_truncated")
    locked = Pdf(encrypt="secret").write(50, 500, "秘密").page().save()
    assert "鍵.pdf: the PDF is encrypted" in refused(client, "鍵.pdf", locked, 422, "file_encrypted")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(250_000_000))
    refused(client, "爆弾.docx", file.getvalue(), 422, "zip_bomb")
    refused(client, "大.txt", b"a" * 20_971_521, 413, "too_large")
    problem(client.post("/v1/documents", files={"file": ("大.txt", b"a" * 21_100_000)}), 413, "too_large")
    assert client.get("/readyz").status_code == 200
    failed = {
        d["filename"]: d["code"] for d in client.get("/v1/documents").json()["documents"] if d["status"] == "failed"
    }
    assert failed["鍵.pdf"] == "file_encrypted"
    doc_id = hashlib.sha256(locked).hexdigest()[:16]
    assert client.delete(f"/v1/documents/{doc_id}").status_code == 204
    problem(client.get(f"/v1/documents/{doc_id}"), 404, "not_found")


def test_scanned_pages_are_named(client: TestClient) -> None:
    pdf = Pdf().write(50, 500, "表紙の文である。").page()
    pdf.canvas.rect(50, 50, 300, 400, fill=1)
    body = upload(client, "scan.pdf", pdf.page().save()).json()
    assert (body["status"], body["blank_pages"], body["note"]) == ("ready", [2], "Page 2: no text (scanned?).")


def test_scripts_in_names_and_texts_are_only_ever_text(client: TestClient) -> None:
    script = "<script>alert(1)</script>"
    body = upload(client, f"../../{script}.txt", f"{script}という文字列の話である。".encode()).json()
    assert body["filename"] == "script>.txt"
    page = client.get(f"/documents/{body['doc_id']}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_metadata_is_checked_as_a_manifest_is(client: TestClient) -> None:
    bad = {"published": "July", "published_basis": "guess", "language": "日本語", "title": " "}
    for field, value in bad.items():
        errors = problem(upload(client, "a.txt", b"text", **{field: value}), 422, "invalid_request")["errors"]
        assert [error["pointer"] for error in errors] == [f"/{field}"], field
    errors = problem(upload(client, "a.txt", b"text", titel="x"), 422, "invalid_request")["errors"]
    assert errors[0]["pointer"] == "/titel"
    problem(client.post("/v1/documents"), 422, "invalid_request")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    problem(client.post("/v1/documents", content=b"garbage", headers=broken), 400, "invalid_multipart")


def test_what_was_given_and_taken_out_survives_a_rebuild(
    client: TestClient, settings: Settings, model: StaticModel
) -> None:
    own = upload(client, "own.txt", "深圳の工場の話である。".encode(), title="工場").json()["doc_id"]
    assert client.delete("/v1/documents/energy").status_code == 204
    assert "energy" not in found(client, "発電量")
    library = Library(settings.library)
    assert build.is_current(settings.index, [settings.corpus], model, library=library)
    for path in settings.index.rglob("*"):
        if path.is_file() and path.parent.name != "readers":  # the service that runs stays known
            path.unlink()
    assert not build.is_current(settings.index, [settings.corpus], model, library=library)
    sources = [settings.corpus, *library.sources()]
    build.ingest(settings.index, sources, model, progress=lambda message: None, library=library)
    listed = {d["doc_id"]: d["title"] for d in client.get("/v1/documents").json()["documents"]}
    assert "energy" not in listed
    assert listed[own] == "工場"
    assert own in found(client, "深圳の工場")


def test_an_upload_that_was_under_way_goes_on_at_the_next_start(settings: Settings, client: TestClient) -> None:
    entry = Library(settings.library).add("杭州の会社の話である。".encode(), "later.txt", {})
    with TestClient(create_app(settings)) as restarted:
        assert polled(restarted, entry.doc_id)["status"] == "ready"
    assert entry.doc_id in found(client, "杭州の会社")


def test_a_document_that_another_service_does_not_answer_from_yet_is_not_called_ready(
    settings: Settings, client: TestClient
) -> None:
    doc_id = upload(client, "soon.txt", "成都の空港の話である。".encode()).json()["doc_id"]
    library = Library(settings.library)
    entry = library.entry(doc_id)
    assert entry
    assert entry.status == "ready"
    library.save(replace(entry, status="processing"))
    assert doc_id in found(client, "成都の空港")
    assert client.get(f"/v1/documents/{doc_id}").json()["status"] == "processing"
    listed = {d["doc_id"]: d["status"] for d in client.get("/v1/documents").json()["documents"]}
    assert listed[doc_id] == "processing"
    library.save(entry)
    assert client.get(f"/v1/documents/{doc_id}").json()["status"] == "ready"


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a/b\\c.pdf", "c.pdf"), ("..", ".."), ("", "untitled"), ("a\n\u202eb.txt", "ab.txt"), ("x" * 300, "x" * 200)],
)
def test_a_name_is_shown_without_what_could_mislead(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_a_worker_that_dies_after_the_index_is_written_has_taken_the_document_in(
    settings: Settings, model: StaticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(settings.library)
    entry = library.add("南京の病院の話である。".encode(), "late.txt", {})

    async def killed(job: uploads.Job) -> int:
        source = library.source(entry)
        build.ingest(settings.index, [source], model, progress=lambda message: None, library=library)
        return -9

    monkeypatch.setattr(uploads, "_run", killed)
    asyncio.run(uploads.Uploads(settings)._take_in(entry))
    taken = library.entry(entry.doc_id)
    assert taken
    assert (taken.status, taken.error) == ("ready", None)


def test_what_a_killed_deletion_left_of_a_document_goes_at_the_next_start(settings: Settings) -> None:
    library = Library(settings.library)
    entry = library.add("西安の大学の話である。".encode(), "gone.txt", {})
    (settings.library / "removed.json").write_text(f'["{entry.doc_id}"]', "utf-8")
    with TestClient(create_app(settings)) as restarted:
        problem(restarted.get(f"/v1/documents/{entry.doc_id}"), 404, "not_found")
    assert not (settings.library / "files" / entry.file_sha256).exists()
