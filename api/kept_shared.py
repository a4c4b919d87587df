"""Kept answers in the cluster, so that each server shows them all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api.kept import KeptAnswersFailed, not_kept, oldest, read_body
from retriever.errors import StoreFull, StoreRefused, StoreUnreachable
from retriever.milvus.cluster import Cluster
from retriever.milvus.records import Records

_PREFIX = "answer/"


class SharedAnswers:
    """See `Kept`."""

    def __init__(self, cluster: Cluster, days: int | None = None):
        self.days = days
        self._records = Records(cluster)

    def close(self) -> None:
        """The connection is the store's."""

    def keep(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False)
        with _failing():
            self._records.put(_PREFIX + answer["answer_id"], body, answer["created"])
            if self.days is not None:
                self._records.delete_before(_PREFIX, oldest(self.days))

    def get(self, answer_id: str) -> dict[str, Any]:
        """Raises `NotFound`."""
        with _failing():
            body = self._records.get(_PREFIX + answer_id)
        found = read_body(answer_id, body) if body is not None else None
        if found is None or found["created"] < oldest(self.days):
            raise not_kept(answer_id)
        return found

    def newest(self, start: int, count: int) -> list[dict[str, Any]]:
        with _failing():
            found = self._records.keys(_PREFIX, oldest(self.days))
            wanted = sorted(sorted(found), key=lambda row: row[1], reverse=True)[start : start + count]
            bodies = [(key.removeprefix(_PREFIX), self._records.get(key)) for key, _ in wanted]
        return [read_body(answer_id, body) for answer_id, body in bodies if body is not None]

    def delete(self, answer_id: str) -> None:
        """Raises `NotFound`."""
        with _failing():
            if self._records.get(_PREFIX + answer_id) is None:
                raise not_kept(answer_id)
            self._records.delete(_PREFIX + answer_id)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (StoreUnreachable, StoreFull, StoreRefused) as error:
        raise KeptAnswersFailed(f"The kept answers can't be used. {error}") from error
