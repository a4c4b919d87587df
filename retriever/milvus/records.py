"""Texts by key, in pieces that Milvus takes: what all servers share besides the index."""

from retriever.milvus.cluster import Cluster, Row, text_of
from retriever.milvus.rows import pieces
from retriever.milvus.schema import RECORDS, record

_WANTED = ("part", "parts", "body")


class Records:
    """A text is there whole or not at all. Of one that is longer than a piece, its key says what it holds: it never
    changes. Raises as `Cluster` does."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster

    def put(self, key: str, text: str, created: str = "") -> None:
        parts = pieces(text)
        self._cluster.upsert(RECORDS, [record(key, i, body, created, len(parts)) for i, body in enumerate(parts)])

    def get(self, key: str) -> str | None:
        rows = self._cluster.query(RECORDS, f"id == {text_of(key + '/0')}", _WANTED)
        if rows and int(rows[0]["parts"]) > 1:
            rows = list(self._cluster.each(RECORDS, f"key == {text_of(key)}", _WANTED))
        if not rows or len(rows) != int(rows[0]["parts"]):
            return None
        return "".join(row["body"] for row in sorted(rows, key=lambda row: int(row["part"])))

    def keys(self, prefix: str, since: str = "") -> list[tuple[str, str]]:
        """Those that begin so, each with when it was created; `since` then, at the earliest."""
        where = f"part == 0 and key like {text_of(prefix + '%')}"
        if since:
            where += f" and created >= {text_of(since)}"
        rows: list[Row] = list(self._cluster.each(RECORDS, where, ("key", "created")))
        return [(str(row["key"]), str(row["created"])) for row in rows]

    def delete(self, key: str) -> None:
        self._cluster.delete(RECORDS, f"key == {text_of(key)}")

    def delete_before(self, prefix: str, created: str) -> None:
        self._cluster.delete(RECORDS, f"key like {text_of(prefix + '%')} and created < {text_of(created)}")
