"""The connection to Milvus: each call with a time limit, each failure as an error that a person can act on.

`pymilvus` is imported when a store is opened: it takes 1.7 s, and nobody else needs it.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retriever.errors import StoreFull, StoreRefused, StoreUnreachable

READ_SECONDS = 10.0
"""That an answer of the cluster may take; then the question has waited long enough."""
WRITE_SECONDS = 120.0
MOST_ROWS = 16_384
"""Of one answer, as Milvus limits it."""
_LOOKED_AT, _LOOKED_AT_FILTERED = 2, 8
"""Vectors that a graph is walked over (`ef`) for each that is wanted: the way to a few of them leads over the others.
Over the reports' questions, 2 finds 95% of those of one kind and language, 4 99.9%, 8 all."""
_BATCH_BYTES = 8 * 2**20
_BATCH_ROWS = 200
"""Small requests: other clients' come in between."""
_FULL = re.compile(r"quota|no space left|exhausted|force ?deny", re.IGNORECASE)
_AWAY = re.compile(r"unavailable|deadline|timeout|timed out|fail(ed)? connecting|connection", re.IGNORECASE)

Row = dict[str, Any]


class Cluster:
    """A client. Threads may share it. Raises `StoreUnreachable`, `StoreFull` or `StoreRefused`."""

    def __init__(self, uri: str, token: str = ""):
        """`uri`: http(s)://host:port/database, or the path of a Milvus Lite file, which ends in .db."""
        from pymilvus import MilvusClient

        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it raises we say ourselves
        self.uri = uri
        self.shown = shown(uri)
        with self._told(READ_SECONDS):
            self._client: Any = MilvusClient(uri, token=token, timeout=READ_SECONDS)
        self._loaded: set[str] = set()

    def close(self) -> None:
        self._client.close()

    def search(
        self, collection: str, field: str, queries: Sequence[Any], most: int, where: str, wanted: Sequence[str]
    ) -> list[list[Row]]:
        """By inner product, the best `most` of each query; `distance` is the score."""
        ef = (_LOOKED_AT_FILTERED if where else _LOOKED_AT) * most
        params = {} if isinstance(queries[0], dict) else {"params": {"ef": ef}}
        with self._told(READ_SECONDS):
            found = self._client.search(
                collection,
                list(queries),
                filter=where,
                limit=min(most, MOST_ROWS),
                output_fields=list(wanted),
                search_params={"metric_type": "IP", **params},
                anns_field=field,
                timeout=READ_SECONDS,
            )
            return [[{"distance": row["distance"], **row["entity"]} for row in rows] for rows in found]

    def query(self, collection: str, where: str, wanted: Sequence[str], seconds: float = READ_SECONDS) -> list[Row]:
        """Rows that are known to be few: `MOST_ROWS` at most."""
        with self._told(seconds):
            found = self._client.query(collection, where, list(wanted), limit=MOST_ROWS, timeout=seconds)
            return [dict(row) for row in found]

    def count(self, collection: str, where: str) -> int:
        with self._told(READ_SECONDS):
            return int(self._client.query(collection, where, ["count(*)"], timeout=READ_SECONDS)[0]["count(*)"])

    def each(self, collection: str, where: str, wanted: Sequence[str], batch: int = 1000) -> Iterator[Row]:
        """Rows however many, in the order of their keys."""
        with self._told(WRITE_SECONDS):
            rows = self._client.query_iterator(collection, batch, filter=where, output_fields=list(wanted))
            while found := rows.next():
                yield from map(dict, found)
            rows.close()

    def upsert(self, collection: str, rows: Sequence[Row]) -> None:
        """In requests of a few megabytes; those of one request are seen at once where a collection has one shard."""
        for part in batches(rows):
            with self._told(WRITE_SECONDS):
                self._client.upsert(collection, part, timeout=WRITE_SECONDS)

    def delete(self, collection: str, where: str) -> None:
        with self._told(WRITE_SECONDS):
            self._client.delete(collection, filter=where, timeout=WRITE_SECONDS)

    def flush(self, collection: str) -> None:
        """After much was written: from now on it is searched by its index."""
        with self._told(WRITE_SECONDS):
            self._client.flush(collection, timeout=WRITE_SECONDS)

    def collections(self) -> set[str]:
        with self._told(READ_SECONDS):
            return set(self._client.list_collections(timeout=READ_SECONDS))

    def load(self, collections: Iterable[str]) -> None:
        """Have them ready to be searched; said once."""
        for collection in set(collections) - self._loaded:
            with self._told(WRITE_SECONDS):
                self._client.load_collection(collection, timeout=WRITE_SECONDS)
            self._loaded.add(collection)

    def forget_loaded(self) -> None:
        """They are loaded again at the next use of `load`."""
        self._loaded.clear()

    def create(self, collection: str, schema: Any, index: Any, shards: int) -> None:
        """`Strong`: what was written before a request is seen by it, whichever server wrote it."""
        with self._told(WRITE_SECONDS):
            self._client.create_collection(
                collection,
                schema=schema,
                index_params=index,
                consistency_level="Strong",
                num_shards=shards,
                timeout=WRITE_SECONDS,
            )

    @contextmanager
    def _told(self, seconds: float) -> Iterator[None]:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, RpcError) as error:
            said = " ".join(str(getattr(error, "message", "") or error).split())[:300]
            if _FULL.search(said):
                raise StoreFull(f"Milvus at {self.shown} takes nothing more in: {said}. Give it room.") from error
            if isinstance(error, RpcError) or _AWAY.search(said):
                raise StoreUnreachable(
                    f"Milvus at {self.shown} can't be reached, or doesn't answer within {seconds:.0f} s: {said}."
                ) from error
            raise StoreRefused(f"Milvus at {self.shown} refuses: {said}.") from error


def shown(uri: str) -> str:
    """Without a password, and of a file only its name."""
    return re.sub(r"//[^@/]*@", "//", uri) if "://" in uri else Path(uri).name


def batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        own = _size(row)
        if part and (size + own > _BATCH_BYTES or len(part) == _BATCH_ROWS):
            yield part
            part, size = [], 0
        part.append(row)
        size += own
    if part:
        yield part


def _size(row: Mapping[str, Any]) -> int:
    """Bytes, roughly."""
    return sum(
        8 * len(v) if isinstance(v, dict | list) else 3 * len(v) if isinstance(v, str) else 8 for v in row.values()
    )


def text_of(value: str) -> str:
    """A string as Milvus's filters want it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
