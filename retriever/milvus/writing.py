"""Taking documents in and out of the cluster: seen whole or not at all, whoever is killed when.

Writing a document again writes the same rows under the same keys, so nothing is there twice. A lease saves two
processes the same work; that they don't do it at the same time is not what keeps it right.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from retriever.draft import Contents
from retriever.errors import IndexBusy
from retriever.milvus.catalogue import LEASE_SECONDS, Catalogue, Entry, entries_of, now_ms, number_of, row_of
from retriever.milvus.cluster import Cluster
from retriever.milvus.rows import part_rows, passage_rows, write_document
from retriever.milvus.schema import DOCUMENTS, PARTS, PASSAGES, QUESTIONS
from retriever.milvus.terms import count, write_counts

_AT_ONCE = 200
STAYS_MS = 20_000
"""That the rows of a document which is gone stay: longer than a request may take."""
_KEPT_CLEARED_MS = 3_600_000
"""That a row stays which only says that a document is gone: each server has seen it by then."""


def claim(cluster: Cluster, catalogue: Catalogue, doc_id: str, fingerprint: str) -> Entry | None:
    """The row of a document that is to be written; nothing where another process is at it."""
    number = number_of(doc_id, fingerprint, catalogue.rows)
    other = catalogue.rows.get(number)
    if other and other.held:
        return None
    entry = Entry(number, doc_id, "writing", {"fingerprint": fingerprint, "passages": 0})
    cluster.upsert(DOCUMENTS, [row_of(entry)])
    return entry


def write(cluster: Cluster, entry: Entry, contents: Contents) -> None:
    """All rows of one document, and the switch to it. Raises `IndexBusy` where another process took it away."""
    document = contents.documents[0]
    passages, questions, vectors = passage_rows(entry.number, contents)
    texts = {
        "text": write_document(document),
        "terms": write_counts(count(vectors)),
        "names": json.dumps(dict(contents.names.get(document.doc_id, {})), ensure_ascii=False),
    }
    parts = [row for what, text in texts.items() for row in part_rows(entry.number, what, text)]
    renewed = time.monotonic()
    for collection, rows in ((PARTS, parts), (QUESTIONS, questions), (PASSAGES, passages)):
        for start in range(0, len(rows), _AT_ONCE):
            cluster.upsert(collection, rows[start : start + _AT_ONCE])
            if time.monotonic() - renewed > LEASE_SECONDS / 4:
                cluster.upsert(DOCUMENTS, [row_of(entry)])
                renewed = time.monotonic()
    said = {
        "fingerprint": entry.fingerprint,
        "published": document.published,
        "file_sha256": document.file_sha256,
        "source_sha256": document.source_sha256,
        "passages": len(passages),
        "questions": len(questions),
        "parts": len(parts),
    }
    publish(cluster, replace(entry, state="ready", said=said))


def publish(cluster: Cluster, ready: Entry) -> None:
    """In one request: this is ready, and what the document was before is gone."""
    others = entries_of(cluster, ready.doc_id)
    if any(other.number == ready.number and other.state not in ("writing", "ready") for other in others):
        raise IndexBusy(f"{ready.doc_id} was taken out while it was being written. Try again.")
    check_rows(cluster, ready)
    before = [replace(o, state="gone") for o in others if o.number != ready.number and o.state == "ready"]
    cluster.upsert(DOCUMENTS, [row_of(entry) for entry in (ready, *before)])


def check_rows(cluster: Cluster, entry: Entry) -> None:
    """Raises `IndexBusy` where not all rows of a document are there."""
    for collection, name in ((PASSAGES, "passages"), (QUESTIONS, "questions"), (PARTS, "parts")):
        found = cluster.count(collection, f"document == {entry.number}")
        if found != entry.said[name]:
            raise IndexBusy(f"{entry.doc_id} has {entry.said[name]} {name}, {found} are in Milvus. Take it in again.")


def take_out(cluster: Cluster, entries: Iterable[Entry]) -> None:
    """From the switch on nobody finds them. Their rows stay a while: a request that has begun reads them."""
    if gone := [row_of(replace(entry, state="gone")) for entry in entries]:
        cluster.upsert(DOCUMENTS, gone)


def clean(cluster: Cluster, catalogue: Catalogue, progress: Callable[[str], None]) -> None:
    """Delete the rows of documents that have been gone for a while, and take out what killed processes left."""
    catalogue.look()
    ready, now = catalogue.snapshot.numbers, now_ms()
    rows = list(catalogue.rows.values())
    take_out(cluster, (e for e in rows if _is_broken_off(e) or (e.state == "ready" and e.number not in ready)))
    for entry in (e for e in rows if e.state == "gone" and e.changed < now - STAYS_MS):
        progress(f"{entry.doc_id}: the rows of what is gone are deleted")
        for collection in (PASSAGES, QUESTIONS, PARTS):
            cluster.delete(collection, f"document == {entry.number}")
        cluster.upsert(DOCUMENTS, [row_of(replace(entry, state="cleared"))])
    cluster.delete(DOCUMENTS, f'state == "cleared" and changed < {now - _KEPT_CLEARED_MS}')


def _is_broken_off(entry: Entry) -> bool:
    return entry.state == "writing" and entry.lease < now_ms()
