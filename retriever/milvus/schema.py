"""The collections of a store, and what they were made with.

tenkyo_passages     a row a passage: its record, its vector, and one sparse vector with the terms of all its fields
tenkyo_questions    a row a question that was written for a passage, with its vector
tenkyo_documents    a row a document: whether it is ready, and who is writing it (one shard: a switch is seen whole)
tenkyo_parts        documents' texts and term counts, in pieces that Milvus takes
tenkyo_records      kept answers, uploaded files and what is known of them, in pieces
"""

import json
import time
from collections.abc import Mapping

from retriever.errors import IndexMismatch, IndexMissing
from retriever.milvus.cluster import Cluster, Row

FORMAT = "2"
PASSAGES, QUESTIONS, DOCUMENTS, PARTS, RECORDS = (
    f"tenkyo_{name}" for name in ("passages", "questions", "documents", "parts", "records")
)
COLLECTIONS = {PASSAGES, QUESTIONS, DOCUMENTS, PARTS, RECORDS}
MOST_BYTES = 65_535
"""Of a string, as Milvus limits it."""
PIECE = 16_000
"""Characters of a piece: each has at most four bytes."""
MADE_WITH = "store/versions"
EMPTY = [0.0, 0.0]
"""Of collections that nobody searches by vectors: Milvus wants each to have one."""
_REPAIR = "Build the index in another database of the cluster, or with the program that made this one."


def create(cluster: Cluster, dimensions: int, versions: Mapping[str, str]) -> None:
    """What isn't there yet. Several may do it at the same time."""
    there = cluster.collections()
    for name, (fields, shards) in _fields(dimensions).items():
        if name not in there:
            _create(cluster, name, fields, shards)
    if read_versions(cluster) is None:
        body = json.dumps({"format": FORMAT, "dimensions": str(dimensions), **versions}, sort_keys=True)
        cluster.upsert(RECORDS, [record(MADE_WITH, 0, body)])


def create_records(cluster: Cluster) -> None:
    """What needs no model, and is read before there is an index."""
    if RECORDS not in cluster.collections():
        _create(cluster, RECORDS, *_fields(0)[RECORDS])
    cluster.load([RECORDS])


def record(key: str, part: int, body: str, created: str = "", pieces: int = 1) -> Row:
    """A row of `tenkyo_records`."""
    return {
        "id": f"{key}/{part}",
        "key": key,
        "part": part,
        "parts": pieces,
        "created": created,
        "changed": int(time.time() * 1000),
        "body": body,
        "nothing": EMPTY,
    }


def read_versions(cluster: Cluster) -> dict[str, str] | None:
    """What the store was made with; nothing where it hasn't been made. Raises as `Cluster` does."""
    if COLLECTIONS - cluster.collections():
        return None
    cluster.load(COLLECTIONS)
    found = cluster.query(RECORDS, f'id == "{MADE_WITH}/0"', ["body"])
    values: dict[str, str] | None = json.loads(found[0]["body"]) if found else None
    return values


def check(cluster: Cluster, wanted: Mapping[str, str]) -> dict[str, str]:
    """What the store was made with. Raises `IndexMissing`, or `IndexMismatch` with both values."""
    made = read_versions(cluster)
    if made is None:
        raise IndexMissing(f"There is no index in Milvus at {cluster.shown} yet. Run `tenkyo ingest` or `tenkyo move`.")
    for name, now in {"format": FORMAT, **wanted}.items():
        if (then := made.get(name)) != now:
            raise IndexMismatch(
                f"The index in Milvus at {cluster.shown} was made with {name} {then}, this program has {now}. {_REPAIR}"
            )
    return made


def _fields(dimensions: int) -> dict[str, tuple[dict[str, tuple[str, int]], int]]:
    """By collection, its fields (type, length or dimensions) and shards; the first field is the key."""
    number, short, long = ("INT64", 0), ("VARCHAR", 512), ("VARCHAR", MOST_BYTES)
    filtered = {"document": number, "kind": number, "first_day": number, "last_day": number}
    vector, nothing = ("FLOAT_VECTOR", dimensions), ("FLOAT_VECTOR", len(EMPTY))
    passages = {"passage_id": short, "expanded": ("BOOL", 0), "record": long, "terms": ("SPARSE_FLOAT_VECTOR", 0)}
    states = {"doc_id": short, "state": short, "owner": short, "lease": number, "changed": number, "record": long}
    parts = {"document": number, "what": short, "part": number, "body": long}
    records = {"key": short, "part": number, "parts": number, "created": short, "changed": number, "body": long}
    return {
        PASSAGES: ({"place": number, **filtered, **passages, "vector": vector}, 2),
        QUESTIONS: ({"id": short, "place": number, **filtered, "language": short, "record": long, "vector": vector}, 2),
        DOCUMENTS: ({"number": number, **states, "nothing": nothing}, 1),
        PARTS: ({"id": short, **parts, "nothing": nothing}, 1),
        RECORDS: ({"id": short, **records, "nothing": nothing}, 1),
    }


def _create(cluster: Cluster, name: str, fields: Mapping[str, tuple[str, int]], shards: int) -> None:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    index = MilvusClient.prepare_index_params()
    for place, (field, (kind, size)) in enumerate(fields.items()):
        sized = {"VARCHAR": {"max_length": size}, "FLOAT_VECTOR": {"dim": size}}.get(kind, {})
        schema.add_field(field, getattr(DataType, kind), is_primary=place == 0, **sized)
        if kind == "FLOAT_VECTOR":
            params = {"M": 16, "efConstruction": 200}
            index.add_index(field, index_type="HNSW", metric_type="IP", params=params)
        elif kind == "SPARSE_FLOAT_VECTOR":
            index.add_index(field, index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        elif field in ("document", "place", "key", "doc_id", "passage_id", "changed") and place:
            index.add_index(field, index_type="INVERTED")
    cluster.create(name, schema, index, shards)
