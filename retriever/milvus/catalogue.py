"""Which documents are ready: a row each, and a snapshot of them that a server follows.

A row is `writing` (its lease says until when nobody else need take it over), `ready`, `gone` (its passages may still be
there) or `cleared`. Readers count the ready ones alone. Of two ready rows of one document the later one counts.
"""

import json
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from retriever.milvus.cluster import MOST_ROWS, Cluster, Row, text_of
from retriever.milvus.schema import DOCUMENTS, EMPTY

LEASE_SECONDS = 60
_SKEW_MS = 60_000
"""By which the clocks of writers may differ."""
_WANTED = ("number", "doc_id", "state", "owner", "lease", "changed", "record")
_PLACE_BITS = 16
MOST_PASSAGES = 1 << _PLACE_BITS
"""Of a document."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document's row. `said`: its fingerprint, date, hashes, and how many passages and questions it has."""

    number: int
    doc_id: str
    state: str
    said: Mapping[str, Any]
    owner: str = ""
    lease: int = 0
    changed: int = 0

    @property
    def fingerprint(self) -> str:
        return str(self.said["fingerprint"])

    @property
    def passages(self) -> int:
        return int(self.said["passages"])

    @property
    def held(self) -> bool:
        """Whether another process that seems to live is writing it."""
        host, pid = [*self.owner.split(" "), "0"][:2]
        if self.state != "writing" or self.owner == owner() or self.lease < now_ms():
            return False
        return host != socket.gethostname() or _lives(int(pid))


@dataclass(frozen=True)
class Snapshot:
    """The documents that are ready, by id and by number; `unready`: numbers whose passages may be there too."""

    documents: Mapping[str, Entry] = field(default_factory=dict)
    numbers: frozenset[int] = frozenset()
    unready: frozenset[int] = frozenset()
    generation: str = ""
    passages: int = 0


class Catalogue:
    """All rows as they were when last looked at."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self.rows: dict[int, Entry] = {}
        self._seen = 0
        self.snapshot = Snapshot()

    def look(self) -> bool:
        """Read what has changed; whether anything has."""
        where = f"changed >= {max(0, self._seen - _SKEW_MS)}"
        found = self._cluster.query(DOCUMENTS, where, _WANTED)
        rows: Iterable[Row] = self._cluster.each(DOCUMENTS, where, _WANTED) if len(found) == MOST_ROWS else found
        entries = {int(row["number"]): _read(row) for row in rows}
        new = {number: entry for number, entry in entries.items() if self.rows.get(number) != entry}
        if not new and self._seen:
            return False
        self.rows |= new
        self._seen = max([self._seen, 1, *(min(entry.changed, now_ms()) for entry in new.values())])
        self.snapshot = snapshot_of(self.rows.values())
        return True


def snapshot_of(rows: Iterable[Entry]) -> Snapshot:
    ready: dict[str, Entry] = {}
    unready: set[int] = set()
    for entry in rows:
        if entry.state == "ready":
            other = ready.get(entry.doc_id)
            if other is None or (entry.changed, entry.number) > (other.changed, other.number):
                ready[entry.doc_id] = entry
                entry = other or entry
            if ready[entry.doc_id] is not entry:
                unready.add(entry.number)
        elif entry.state != "cleared":
            unready.add(entry.number)
    documents = dict(sorted(ready.items()))
    numbers = frozenset(entry.number for entry in documents.values())
    passages = sum(entry.passages for entry in documents.values())
    return Snapshot(documents, numbers, frozenset(unready), _generation(documents.values()), passages)


def _generation(entries: Iterable[Entry]) -> str:
    """How many documents, and a hash of what they are: the same wherever the same documents are seen."""
    count = mixed = 0
    for entry in entries:
        digest = blake2b(f"{entry.doc_id} {entry.fingerprint}".encode(), digest_size=6).digest()
        mixed ^= int.from_bytes(digest, "big")
        count += 1
    return f"{count:06d}-{mixed:012x}"


def number_of(doc_id: str, fingerprint: str, rows: Mapping[int, Entry]) -> int:
    """Of a document that is to be written: the same for all who write the same one, so that they write the same rows.

    Another one is taken where another document has it, or where this one was taken out and may still be being deleted.
    """
    salt = 0
    while True:
        digest = blake2b(f"{doc_id} {fingerprint} {salt}".encode(), digest_size=6).digest()
        number = int.from_bytes(digest, "big") >> 1
        other = rows.get(number)
        if other is None or ((other.doc_id, other.fingerprint) == (doc_id, fingerprint) and other.state == "writing"):
            return number
        salt += 1


def place_of(number: int, passage: int) -> int:
    return (number << _PLACE_BITS) + passage


def number_at(place: int) -> int:
    return place >> _PLACE_BITS


def row_of(entry: Entry) -> Row:
    """As it is written: changed now."""
    return {
        "number": entry.number,
        "doc_id": entry.doc_id,
        "state": entry.state,
        "owner": owner(),
        "lease": now_ms() + 1000 * LEASE_SECONDS,
        "changed": now_ms(),
        "record": json.dumps(dict(entry.said), ensure_ascii=False),
        "nothing": EMPTY,
    }


def entries_of(cluster: Cluster, doc_id: str) -> list[Entry]:
    """Those of one document, as they are now."""
    return [_read(row) for row in cluster.query(DOCUMENTS, f"doc_id == {text_of(doc_id)}", _WANTED)]


def owner() -> str:
    """Of what this process writes."""
    return f"{socket.gethostname()} {os.getpid()}"


def now_ms() -> int:
    return int(time.time() * 1000)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(row: Row) -> Entry:
    said = json.loads(row["record"])
    return Entry(
        int(row["number"]), row["doc_id"], row["state"], said, row["owner"], int(row["lease"]), int(row["changed"])
    )
