"""Requests drawn from the served OpenAPI document, right and wrong ones: no server error, no answer but as described.

TOKEN=$(.venv/bin/tenkyo keys add fuzz --scope admin)
TENKYO_RATE_PER_MINUTE=0 .venv/bin/tenkyo serve &
.venv/bin/schemathesis --config-file tests/schemathesis.toml run http://127.0.0.1:8000/openapi.json -n 1000 \\
    -H "Authorization: Bearer $TOKEN" --exclude-method DELETE --exclude-name 'POST /v1/documents'
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from browser import listening
from conftest import ROOT, Told
from test_index import TEXTS

from api.app import create_app
from api.keys import Keys
from api.settings import Settings
from ingest import build
from retriever.embed import StaticModel

RUN = "from schemathesis.cli import schemathesis; schemathesis()"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: StaticModel) -> Iterator[tuple[str, str]]:
    """The address of a service with three small documents, which the requests may also delete, and a key to it."""
    folder = tmp_path_factory.mktemp("schema")
    corpus = folder / "corpus"
    corpus.mkdir()
    entries = []
    for name, text in TEXTS.items():
        (corpus / f"{name}.txt").write_text(text, "utf-8")
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        entries.append(
            f'[[documents]]\nid = "{name}"\nfile = "{name}.txt"\nsha256 = "{sha256}"\ntitle = "題"\nlanguage = "ja"\n'
        )
    (corpus / "manifest.toml").write_text("".join(entries), "utf-8")
    settings = Settings(home=folder / "home", corpus=corpus, rate_per_minute=0)
    build.ingest(settings.index, [corpus], model, progress=lambda message: None)
    with closing(Keys(settings.keys)) as keys:
        _, token = keys.add("drawn", "admin")
    with listening(create_app(settings)) as address:
        yield address, token


def test_every_answer_is_as_the_openapi_document_says(served: tuple[str, str], tmp_path: Path, told: Told) -> None:
    address, token = served
    command = [sys.executable, "-c", RUN, "--no-color", "--config-file", str(ROOT / "tests" / "schemathesis.toml")]
    options = [
        "--max-examples",
        "6",
        "--phases",
        "examples,fuzzing",
        "--seed",
        "1",
        "-H",
        f"Authorization: Bearer {token}",
    ]
    done = subprocess.run(
        [*command, "run", f"{address}/openapi.json", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    tried = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tried
    told(f"OpenAPI: {tried[0]}")
