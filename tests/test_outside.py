"""What is given from outside leads nowhere: no URL is opened, no path leaves its folder."""

import ast
import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from fastapi.testclient import TestClient
from made import Pdf, word_by_hand

from api.app import create_app
from api.settings import Settings
from ingest import build
from ingest.parser import parse
from retriever.embed import StaticModel

NETWORK = {"socket", "ssl", "urllib", "http", "ftplib", "smtplib", "httpx", "httpx2", "requests", "openai", "aiohttp"}
CLIENTS = {
    "api/serving.py": {"socket"},  # listens
    "ingest/language_model.py": {"httpx2", "openai"},  # the endpoint that the settings name
}
"""All that could open a connection."""
HARMLESS = {"http.HTTPStatus", "urllib.parse.quote"}


def imported(file: Path) -> set[str]:
    tree = ast.walk(ast.parse(file.read_text("utf-8")))
    names = {
        name
        for node in tree
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return {name.split(".")[0] for name in names if name not in HARMLESS} & NETWORK


def test_only_the_language_model_is_called() -> None:
    files = [file for room in ("api", "ingest", "retriever") for file in sorted((ROOT / room).glob("*.py"))]
    found = {str(file.relative_to(ROOT)): imported(file) for file in files if imported(file)}
    assert {file: names - CLIENTS.get(file, set()) for file, names in found.items()} == {file: set() for file in found}
    assert "ingest/language_model.py" in found


@pytest.fixture(scope="module")
def bait() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked for there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_HEAD = do_GET  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def baited(address: str) -> dict[str, bytes]:
    page = f"""<!DOCTYPE html SYSTEM "{address}/dtd" [<!ENTITY x SYSTEM "{address}/entity">]>
    <html><head><link rel="stylesheet" href="{address}/css"><base href="{address}/base">
    <meta http-equiv="refresh" content="0; url={address}/refresh"><script src="{address}/script"></script></head>
    <body><p>太陽光の発電量が増えている。&x;</p><img src="{address}/image">
    <iframe src="{address}/frame"></iframe></body></html>"""
    pdf = Pdf().write(50, 500, "風力の発電量が増えている。")
    pdf.canvas.linkURL(f"{address}/link", (0, 0, 400, 500))
    picture = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="b" Type="{picture}" Target="{address}/picture" TargetMode="External"/></Relationships>'
    )
    body = "<w:p><w:r><w:t>水力の発電量が増えている。</w:t></w:r></w:p>"
    return {
        "html": page.encode(),
        "pdf": pdf.page().save(),
        "docx": word_by_hand(body, more={"word/_rels/document.xml.rels": relations.encode()}),
    }


@pytest.mark.parametrize("kind", ["html", "pdf", "docx"])
def test_no_document_leads_to_another_host(bait: tuple[str, list[str]], kind: str) -> None:
    address, asked = bait
    assert "発電量が増えている" in parse(baited(address)[kind], kind).text
    assert asked == []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "energy.txt").write_text("太陽光と風力の発電量が増えている。", "utf-8")
    (folder / "secret.txt").write_text("the secret", "utf-8")
    settings = Settings(home=folder / "home", corpus=folder / "corpus")
    build.ingest(settings.index, [settings.corpus], model, progress=lambda message: None)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def test_no_request_leads_to_another_host(client: TestClient, bait: tuple[str, list[str]]) -> None:
    address, asked = bait
    url = f"{address}/asked"
    parts = [{"type": "text", "text": url}, {"type": "image_url", "image_url": {"url": url}}]
    sent: list[tuple[str, dict[str, Any]]] = [
        ("/v1/search", {"query": url}),
        ("/v1/search", {"query": "風力", "filters": {"doc_ids": [url]}}),
        ("/v1/ask", {"question": url}),
        ("/v1/citations/lookup", {"text": url}),
        ("/v1/chat/completions", {"model": "tenkyo", "messages": [{"role": "user", "content": parts}]}),
        ("/session", {"key": url}),
    ]
    for path, body in sent:
        assert client.post(path, json=body).status_code in {200, 400, 401, 404, 422}
    said = {"title": url, "source_note": url, "publisher": url}
    added = client.post(
        "/v1/documents", files={"file": (url, f"{url} の話である。".encode())}, data=said | {"url": url}
    )
    assert added.status_code == 422
    added = client.post("/v1/documents?wait=true", files={"file": (url, f"{url} の話である。".encode())}, data=said)
    assert added.status_code == 201
    assert client.get(f"/v1/documents/{url}").status_code == 404
    assert client.get("/", headers={"Forwarded": f"host={address}", "X-Forwarded-Host": address}).status_code == 200
    assert asked == []


UP = "..%2f..%2fsecret.txt"
OUTSIDE = ["..%2fsecret.txt", UP, "%2e%2e/%2e%2e/secret.txt", "..%5c..%5csecret.txt", "/etc/passwd"]
OUTSIDE += ["%2fetc%2fpasswd", "energy%00.txt", "....//secret.txt", "keys.sqlite", "CURRENT"]


PARTS = ["/v1/documents/{}", "/v1/documents/{}/source", "/v1/answers/{}", "/v1/answers/{}/export", "/v1/passages/{}"]
PARTS += ["/documents/{}", "/web/{}", "/docs/files/{}", "/v1/models/{}"]


@pytest.mark.parametrize("part", OUTSIDE)
def test_no_id_is_a_path(client: TestClient, part: str) -> None:
    routes = (
        "/v1/documents/{}",
        "/v1/documents/{}/source",
        "/v1/answers/{}",
        "/v1/answers/{}/export",
        "/v1/passages/{}",
    )
    for route in (*routes, "/documents/{}", "/web/{}", "/docs/files/{}", "/v1/models/{}"):
        response = client.get(route.format(part))
        assert response.status_code in {400, 404}, (route, response.text)
        assert not {"the secret", "root:"} & {response.text[:10], response.text[:5]}
    for route in ("/v1/documents/{}", "/v1/answers/{}"):
        assert client.delete(route.format(part)).status_code in {404, 405}


def test_a_file_name_is_only_shown(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> None:
    home: Path = client.app.state.uploads.settings.home  # type: ignore[attr-defined]
    for name in ("../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "evil\x00.txt", "C:evil.txt", "." * 300):
        content = base64.b64encode(name.encode()) + "の話である。".encode()
        added = client.post("/v1/documents", files={"file": (name, content)})
        assert added.status_code == 202, added.text
        assert len(added.json()["doc_id"]) == 16
    everywhere = [path for path in home.parents[0].rglob("*") if "evil" in path.name]
    assert everywhere == []
    assert (home.parent / "secret.txt").read_text("utf-8") == "the secret"
