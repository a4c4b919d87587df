"""A person's own documents: their files, what is said of them, their extracted texts; and what was removed.

    library/files/SHA256            the bytes as they came
    library/extracted/SHA256.json   the source text, with the extractor that made it
    library/documents/DOC_ID.json   name, metadata, status
    library/removed.json            documents that are not to come back by themselves, shipped ones too

The index can be built again from this alone. A file's name is only ever shown, never a path.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ingest.extracted import Extracted
from ingest.load import Source
from retriever.errors import NotFound
from retriever.integrity import write_atomically

_DOC_ID = re.compile(r"[0-9a-f]{16}")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Entry:
    """A document that was given. `code` and `error` say why it failed; `duplicate_of`: the one with the same text."""

    doc_id: str
    file_sha256: str
    filename: str
    metadata: dict[str, str] = field(default_factory=dict)
    status: Literal["processing", "ready", "failed"] = "processing"
    code: str | None = None
    error: str | None = None
    duplicate_of: str | None = None


class Library:
    """Everything under one folder; each file is written at once or not at all."""

    def __init__(self, root: Path):
        self._files = root / "files"
        self._extracted = root / "extracted"
        self._documents = root / "documents"
        self._removed = root / "removed.json"

    def find(self, file_sha256: str) -> Extracted | None:
        """The text that was extracted from a file once."""
        path = self._extracted / f"{file_sha256}.json"
        if not path.exists():
            return None
        values = json.loads(path.read_text("utf-8"))
        return Extracted(pages=tuple(values.pop("pages")), blank_pages=tuple(values.pop("blank_pages")), **values)

    def keep(self, file_sha256: str, extracted: Extracted) -> None:
        self._write(self._extracted / f"{file_sha256}.json", asdict(extracted))

    def add(
        self,
        content: bytes,
        filename: str,
        metadata: dict[str, str],
        status: Literal["processing", "ready"] = "processing",
    ) -> Entry:
        """Keep a file. It is no longer held to be removed."""
        sha256 = hashlib.sha256(content).hexdigest()
        entry = Entry(sha256[:16], sha256, shown_name(filename), metadata, status)
        self._files.mkdir(parents=True, exist_ok=True)
        draft = self._files / f".{sha256}.writing"
        draft.write_bytes(content)
        draft.replace(self._files / sha256)
        self.save(entry)
        self.restore([entry.doc_id])
        return entry

    def save(self, entry: Entry) -> None:
        self._write(self._documents / f"{entry.doc_id}.json", asdict(entry))

    def settle(self, entry: Entry, **outcome: Any) -> Entry:
        """Say what became of an entry; nothing, where it was taken away meanwhile."""
        settled = replace(entry, **outcome)
        if self.entry(entry.doc_id):
            self.save(settled)
        return settled

    def entry(self, doc_id: str) -> Entry | None:
        path = self._documents / f"{doc_id}.json"
        if not _DOC_ID.fullmatch(doc_id) or not path.exists():
            return None
        return Entry(**json.loads(path.read_text("utf-8")))

    def entries(self) -> list[Entry]:
        found = (self.entry(path.stem) for path in sorted(self._documents.glob("*.json")))
        return [entry for entry in found if entry]

    def source(self, entry: Entry) -> Source:
        return Source(self._files / entry.file_sha256, dict(entry.metadata), entry.file_sha256, entry.filename)

    def sources(self) -> list[Source]:
        """The documents that were taken in, to build the index again."""
        return [self.source(entry) for entry in self.entries() if entry.status == "ready"]

    def removed(self) -> frozenset[str]:
        return frozenset(json.loads(self._removed.read_text("utf-8"))) if self._removed.exists() else frozenset()

    def remove(self, doc_ids: Iterable[str]) -> None:
        """Note first that they are gone, then delete their files: killed in between, they don't come back."""
        gone = list(doc_ids)
        self._write(self._removed, sorted(self.removed().union(gone)))
        for doc_id in gone:
            if entry := self.entry(doc_id):
                for path in (
                    self._documents / f"{doc_id}.json",
                    self._extracted / f"{entry.file_sha256}.json",
                    self._files / entry.file_sha256,
                ):
                    path.unlink(missing_ok=True)

    def restore(self, doc_ids: Iterable[str]) -> None:
        """They were given anew."""
        removed = self.removed()
        if left := removed.intersection(doc_ids):
            self._write(self._removed, sorted(removed - left))

    def _write(self, path: Path, value: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1))


def known_entry(library: Library, doc_id: str) -> Entry:
    """Raises `NotFound`."""
    if entry := library.entry(doc_id):
        return entry
    raise NotFound(f"There is no document {doc_id!r}. GET /v1/documents lists them.")


def shown_name(filename: str) -> str:
    """The last part of a file name, without control characters and marks of writing direction."""
    last = re.split(r"[/\\]", filename)[-1]
    shown = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")).strip()
    return shown[-_LONGEST_NAME:] or "untitled"
