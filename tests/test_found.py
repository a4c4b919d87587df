"""Files that fuzzing found (tests/fuzz.py): read, or refused with a reason; and what is read is proved."""

from pathlib import Path

import pytest
from conftest import ROOT

from api.citations.quotes import prove
from ingest.chunk import read_document
from ingest.extracted import Extracted
from ingest.load import PARSED, _decoded, kind_of
from ingest.parser import LIMITS, _read
from retriever.errors import SourceRefused
from retriever.records import Document

FOUND = sorted((ROOT / "tests" / "data" / "found").glob("*"))


def read(content: bytes, suffix: str) -> Extracted | None:
    """As ingest reads a file, in this process; nothing where it is refused."""
    try:
        kind = kind_of(content, suffix)
        found = _read(kind, content) if kind in PARSED else _decoded(content, kind)
    except SourceRefused as error:
        assert str(error)
        assert error.code != "source_refused"
        return None
    return found if len(found.text) <= LIMITS.characters else None


def read_and_prove(content: bytes, suffix: str) -> None:
    found = read(content, suffix)
    if not found:
        return
    assert list(found.pages) == sorted(found.pages)
    assert all(0 <= start <= len(found.text) for start in found.pages)
    found.text.encode()
    source = Document(
        "doc", "題名", found.text, "0" * 64, "1" * 64, "ja", found.media_type, found.extractor, pages=found.pages
    )
    for passage in read_document(source)[1]:
        prove(source, passage.text, passage.spans)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_is_read_or_refused(path: Path) -> None:
    read_and_prove(path.read_bytes(), path.suffix)
