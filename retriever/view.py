"""What searching and answering ask of an index, wherever it lies: on this machine's disk, or in a cluster."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retriever.arms import Candidates, Terms
from retriever.filters import Filters
from retriever.records import Document, Passage, Questions


class View(Protocol):
    """One generation of an index: it stays as it is while others are written.

    A passage is known by its *place*, a number. That of the next passage of the same document is one higher.
    """

    @property
    def generation(self) -> str:
        """The same for all who see the same documents."""

    @property
    def versions(self) -> Mapping[str, str]:
        """What index and query must agree on."""

    @property
    def names(self) -> Mapping[str, str]:
        """Latin form → Japanese name, as the documents gloss them."""

    @property
    def passage_counts(self) -> Mapping[str, int]:
        """Passages by document."""

    @property
    def passages(self) -> int:
        """All there are."""

    @property
    def asked_passages(self) -> int:
        """Of documents that questions were written for."""

    def find(
        self,
        terms: Mapping[str, Terms],
        vector: NDArray[np.float32] | None,
        language: str,
        filters: Filters,
        aside: Collection[int] = (),
    ) -> Candidates:
        """The best of each arm that has `terms`, and of the dense ones where there is a `vector` (D,); the passages at
        the places `aside` left out. Without terms, `dense` is alone. `language`: the question's."""

    def frequency(self, term: str, field: str, aside: Collection[int] = ()) -> int:
        """In how many passages a term occurs, those at the places `aside` not counted."""

    def run_on(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(C,): whether the passage one place higher is of the same document."""

    def before(self, place: int) -> int | None:
        """The place of the passage before it in its document; nothing for the first."""

    def first_places(self, most: int) -> Iterable[int]:
        """Of some passages, to be read before anybody asks."""

    def read_ahead(self, places: Sequence[int]) -> None:
        """The passages at these places will be asked for: where one costs as much as all of them, read them now."""

    def passage(self, place: int) -> Passage: ...

    def questions_of(self, place: int) -> Questions:
        """Those written for a passage."""

    def passage_by_id(self, passage_id: str) -> Passage:
        """Raises `NotFound`."""

    def passages_of(self, doc_id: str) -> Sequence[Passage]:
        """Raises `NotFound`."""

    def document(self, doc_id: str) -> Document:
        """Raises `NotFound`."""

    def documents(self) -> list[Document]: ...

    def close(self) -> None: ...
