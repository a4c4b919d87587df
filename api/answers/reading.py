"""What a passage says, read once: its sentences and rows with their terms, vectors and forms."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from api.answers.candidates import Candidate, Row, rows_of
from api.answers.needs import Weigher
from api.answers.orders import gives_orders
from api.citations.terms import Terms, Text, held_in, read_terms
from retriever.embed import Embedder
from retriever.glossary import Match
from retriever.records import Document, Passage, Questions, Span
from retriever.search import Hit, Retriever
from retriever.text import in_japanese_forms, words
from retriever.view import View

_PASSAGES_IN_MEMORY = 512
"""Of some 90 KB each where questions were written for it (a third are their vectors), 25 KB where none were."""
_AHEAD = 8
_SENTENCES_IN_MEMORY = 4096
_LABEL = 25
_YEN = ("日本", "円")
"""Who wants a sum of China's in 日本円 doesn't ask about Japan."""
_SOURCE_LINE = re.compile(
    r"^(?:写真)?(?:出所|資料|出典)[)）:：]|^※?注[)）:：]|^Date:|(?:引用|作成)。?$|(?:の推移|別の(?:比率|割合|分布))$"
)
_DEFINES = re.compile(r"とは、?.+(?:指す|いう|造語|である|です|こと)|：.+(?:指す|略)")


@dataclass(frozen=True, eq=False)
class Reading:
    """A passage of R rows or sentences, and the Q questions that were written for it. What of it isn't needed isn't
    read."""

    passage: Passage
    document: Document
    written: Questions
    embedder: Embedder

    def read_whole(self) -> None:
        """All that a question may need of it, before one comes."""
        for name in ("gives_orders", "vectors", "terms", "words_around", "words_asked", "answering", "forms"):
            getattr(self, name)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return rows_of(self.passage, self.document)

    @cached_property
    def gives_orders(self) -> bool:
        return gives_orders(self.passage, self.document)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """(R, D), of each row with the last heading over it: a bullet alone says little."""
        return self.embedder.encode_passages([" ".join((*row.section[-1:], row.text)) for row in self.rows])

    @cached_property
    def terms(self) -> Terms:
        """Of each row with its headings, of the questions; and the words of the whole passage: R + Q + 1 texts."""
        section = self.passage.section
        above = self.words_above
        rows = [
            Text(" ".join((*section, row.text)), above | own)
            for row, own in zip(self.rows, self.row_words, strict=True)
        ]
        asked = zip(self.written.asked, self.written.words, strict=True)
        written = [Text(in_japanese_forms(question.text, question.language), own) for question, own in asked]
        return read_terms([*rows, *written, Text("", above | self._own_words)])

    @cached_property
    def row_words(self) -> tuple[frozenset[str], ...]:
        """(R): the different words of each row."""
        return tuple(frozenset(words(row.text)) for row in self.rows)

    @cached_property
    def words_around(self) -> frozenset[str]:
        """Of the whole passage and all that stands over it."""
        return self.words_above | self._own_words | words_of_heading(self.document.title)

    @cached_property
    def words_asked(self) -> frozenset[str]:
        """Of the questions: whom the passage is about, also where it says so elsewhere."""
        return frozenset(
            word
            for own in self.written.words
            for word, following in zip(own, (*own[1:], ""), strict=True)
            if (word, following) != _YEN
        )

    @cached_property
    def words_above(self) -> frozenset[str]:
        return frozenset(word for heading in self.passage.section for word in words_of_heading(heading))

    @cached_property
    def _own_words(self) -> frozenset[str]:
        return frozenset(words(self.passage.text))

    @cached_property
    def answering(self) -> NDArray[np.int64]:
        """(R, most): which of the questions each row answers, -1 where there are no more."""
        found = [[n for n, q in enumerate(self.written.asked) if _meet(q.answer, row.quote.spans)] for row in self.rows]
        most = max(map(len, found), default=0)
        return np.asarray([own + [-1] * (most - len(own)) for own in found], np.int64).reshape(len(found), most)

    @cached_property
    def forms(self) -> NDArray[np.bool_]:
        """(3, R): whether each is a source line or caption, defines something, stands there bare."""
        return np.asarray(
            [
                [bool(_SOURCE_LINE.search(row.text)) for row in self.rows],
                [bool(_DEFINES.search(row.text)) for row in self.rows],
                [_is_bare(row) for row in self.rows],
            ],
            bool,
        )


class Reader:
    """A retriever's passages as readings. Those that were read last are remembered, and so is what words ask for."""

    def __init__(self, retriever: Retriever):
        self.retriever = retriever
        self._read = lru_cache(maxsize=_PASSAGES_IN_MEMORY)(partial(_read, retriever.index, retriever.embedder))
        self._matches = lru_cache(maxsize=_SENTENCES_IN_MEMORY)(retriever.matches)
        self.weigher = Weigher(retriever)
        self._ahead = iter(retriever.index.first_places(_PASSAGES_IN_MEMORY))

    @property
    def index(self) -> View:
        return self.retriever.index

    def over(self, retriever: Retriever) -> "Reader":
        """The same readings, of another view of the same index."""
        if retriever is self.retriever:
            return self
        other = Reader(retriever)
        other._read, other._matches = self._read, self._matches
        return other

    def read(self, hit: Hit) -> Reading:
        return self._read(hit.place)

    def read_before(self, hit: Hit) -> Reading | None:
        """The passage just before it in its document."""
        before = self.index.before(hit.place)
        return None if before is None else self._read(before)

    def read_ahead(self) -> None:
        """A few passages more, from the first on, as long as there is room: who asks about them needn't wait."""
        for place in islice(self._ahead, _AHEAD):
            self._read(place).read_whole()

    def candidates(self, hit: Hit) -> Iterator[Candidate]:
        return (Candidate(hit, row) for row in self.read(hit).rows)

    def matches(self, text: str, language: str = "ja") -> tuple[Match, ...]:
        """What the glossary knows in a text."""
        return self._matches(text, language)


def _read(index: View, embedder: Embedder, place: int) -> Reading:
    passage = index.passage(place)
    return Reading(passage, index.document(passage.doc_id), index.questions_of(place), embedder)


@lru_cache(maxsize=_SENTENCES_IN_MEMORY)
def words_in(text: str, language: str) -> frozenset[str]:
    """Those of a text, in the characters that Japanese uses."""
    return held_in(in_japanese_forms(text, language))


@lru_cache(maxsize=1024)
def words_of_heading(heading: str) -> frozenset[str]:
    """Many passages share one."""
    return frozenset(words(heading))


def _is_bare(row: Row) -> bool:
    """A heading, label or cell on its own: it names a thing and says nothing of it."""
    return len(row.text) < _LABEL and not row.text.endswith("。") and len(row.parts) == 1


def _meet(one: Sequence[Span], other: Sequence[Span]) -> bool:
    """Whether two places share half of the shorter one."""
    shared = sum(max(0, min(e, f) - max(s, t)) for s, e in one for t, f in other)
    return shared > 0 and 2 * shared >= min(sum(e - s for s, e in one), sum(e - s for s, e in other))
