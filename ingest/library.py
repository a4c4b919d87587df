"""A person's own documents: their files, what is said of them, their extracted texts; and what was removed.

    library/files/SHA256            the bytes as they came
    library/extracted/SHA256.json   the source text, with the extractor that made it
    library/documents/DOC_ID.json   name, metadata, status
    library/removed.json            documents that are not to come back by themselves, shipped ones too

The index can be built again from this alone. A file's name is only ever shown, never a path.
"""

import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from ingest.extracted import Extracted
from ingest.load import Source
from retriever.errors import LibraryDamaged, NotFound
from retriever.integrity import sync, write_atomically

log = logging.getLogger("tenkyo")

_DOC_ID = re.compile(r"[0-9a-f]{16}")
_LONGEST_NAME = 200
T = TypeVar("T")


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
        self.files = root / "files"
        self.extracted = root / "extracted"
        self.documents = root / "documents"
        self.removed_list = root / "removed.json"

    def find(self, file_sha256: str) -> Extracted | None:
        """The text that was extracted from a file once. Raises `LibraryDamaged`."""
        return self._read(self.extracted / f"{file_sha256}.json", _read_extracted)

    def keep(self, file_sha256: str, extracted: Extracted) -> None:
        self._write(self.extracted / f"{file_sha256}.json", asdict(extracted))

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
        self.restore([entry.doc_id])
        self.keep_file(sha256, content)
        self.save(entry)
        return entry

    def keep_file(self, sha256: str, content: bytes) -> None:
        """Its bytes, whole or not at all."""
        self.files.mkdir(parents=True, exist_ok=True)
        draft = self.files / f".{sha256}.writing"
        draft.write_bytes(content)
        sync(draft)
        draft.replace(self.files / sha256)

    def holds(self, doc_id: str) -> bool:
        """Whether the index can be built again with this document: its entry and its file are there, and whole."""
        try:
            entry = self.entry(doc_id)
        except LibraryDamaged:
            return False
        path = self.files / entry.file_sha256 if entry else None
        return bool(path and path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == path.name)

    def save(self, entry: Entry) -> None:
        self._write(self.documents / f"{entry.doc_id}.json", asdict(entry))

    def settle(self, entry: Entry, **outcome: Any) -> Entry:
        """Say what became of an entry; nothing, where it was taken away meanwhile."""
        settled = replace(entry, **outcome)
        if self.entry(entry.doc_id):
            self.save(settled)
        return settled

    def entry(self, doc_id: str) -> Entry | None:
        """Raises `LibraryDamaged`."""
        return self._read(self.documents / f"{doc_id}.json", _read_entry) if _DOC_ID.fullmatch(doc_id) else None

    def entries(self) -> list[Entry]:
        """Those that can be read: a damaged one costs no other its place."""
        found: list[Entry] = []
        for doc_id in self._doc_ids():
            try:
                found += filter(None, [self.entry(doc_id)])
            except LibraryDamaged as error:
                log.error("%s", error)
        return found

    def _doc_ids(self) -> list[str]:
        return sorted(path.stem for path in self.documents.glob("*.json"))

    def source(self, entry: Entry) -> Source:
        return Source(self.files / entry.file_sha256, dict(entry.metadata), entry.file_sha256, entry.filename)

    def sources(self) -> list[Source]:
        """The documents that were taken in, to build the index again."""
        removed = self.removed()
        return [self.source(e) for e in self.entries() if e.status == "ready" and e.doc_id not in removed]

    def removed(self) -> frozenset[str]:
        """Raises `LibraryDamaged`."""
        return self._read(self.removed_list, frozenset[str]) or frozenset()

    def remove(self, doc_ids: Iterable[str]) -> None:
        """Note first that they are gone, then delete their files: killed in between, they don't come back."""
        self._write(self.removed_list, sorted(self.removed().union(doc_ids)))
        self.forget_removed()

    def forget_removed(self) -> None:
        """Delete what is still there of documents that were removed; the entry, which names the files, last."""
        removed = self.removed()
        for entry in (entry for entry in self.entries() if entry.doc_id in removed):
            self._forget(self.files / entry.file_sha256)
            self._forget(self.extracted / f"{entry.file_sha256}.json")
            self._forget(self.documents / f"{entry.doc_id}.json")

    def restore(self, doc_ids: Iterable[str]) -> None:
        """They were given anew."""
        removed = self.removed()
        if left := removed.intersection(doc_ids):
            self._write(self.removed_list, sorted(removed - left))

    def _write(self, path: Path, value: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1))

    def _text(self, path: Path) -> str | None:
        try:
            return path.read_text("utf-8")
        except FileNotFoundError:
            return None

    def _forget(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _read(self, path: Path, build: Callable[[Any], T]) -> T | None:
        """Raises `LibraryDamaged`."""
        try:
            text = self._text(path)
            return None if text is None else build(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            place = "/".join(path.parts[-3:] if path.parent.name in ("documents", "extracted") else path.parts[-2:])
            raise LibraryDamaged(
                f"{place} can't be read ({type(error).__name__}). Run `tenkyo doctor`: it says what to do."
            ) from error


def _read_entry(values: Any) -> Entry:
    return Entry(**values)


def _read_extracted(values: Any) -> Extracted:
    return Extracted(pages=tuple(values.pop("pages")), blank_pages=tuple(values.pop("blank_pages")), **values)


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
