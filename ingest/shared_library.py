"""A person's documents in the cluster: every server can show, take in and take out each of them."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingest.library import Entry, Library
from ingest.load import Source
from retriever.milvus.cluster import Cluster
from retriever.milvus.records import Records

_PREFIX = "library/"
_REMOVED = f"{_PREFIX}removed/"


class SharedLibrary(Library):
    """The same as a folder's, each of its files a record. A file that is read is copied into the folder first."""

    def __init__(self, cluster: Cluster, folder: Path):
        super().__init__(folder)
        self._folder = folder
        self._records = Records(cluster)

    def _key(self, path: Path) -> str:
        return _PREFIX + path.relative_to(self._folder).as_posix()

    def _write(self, path: Path, value: Any) -> None:
        self._records.put(self._key(path), json.dumps(value, ensure_ascii=False))

    def _text(self, path: Path) -> str | None:
        return self._records.get(self._key(path))

    def _forget(self, path: Path) -> None:
        self._records.delete(self._key(path))
        path.unlink(missing_ok=True)

    def _doc_ids(self) -> list[str]:
        return sorted(Path(key).stem for key, _ in self._records.keys(self._key(self.documents)))

    def keep_file(self, sha256: str, content: bytes) -> None:
        self._records.put(self._key(self.files / sha256), base64.b64encode(content).decode())

    def holds(self, doc_id: str) -> bool:
        entry = self.entry(doc_id)
        return entry is not None and self._records.get(self._key(self.files / entry.file_sha256)) is not None

    def source(self, entry: Entry) -> Source:
        path = self.files / entry.file_sha256
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != entry.file_sha256:
            super().keep_file(entry.file_sha256, base64.b64decode(self._records.get(self._key(path)) or ""))
        return super().source(entry)

    def removed(self) -> frozenset[str]:
        return frozenset(key.removeprefix(_REMOVED) for key, _ in self._records.keys(_REMOVED))

    def remove(self, doc_ids: Iterable[str]) -> None:
        """A record each: two servers that remove at the same time lose nothing."""
        for doc_id in doc_ids:
            self._records.put(_REMOVED + doc_id, "1")
        self.forget_removed()

    def restore(self, doc_ids: Iterable[str]) -> None:
        for doc_id in self.removed().intersection(doc_ids):
            self._records.delete(_REMOVED + doc_id)
