"""What must hold of any text: cleaning, passages, quotes and lookup.

.venv/bin/pytest tests/test_properties.py --hypothesis-profile=long      (ten minutes and more)
"""

from typing import Any

from conftest import document
from hypothesis import event, given
from hypothesis import strategies as st
from test_chunk import check, pieces

from api.citations.folded import fold_document
from api.citations.lookup import Finder
from api.citations.quotes import mapped_passage, quote, stands, unmarked
from ingest.chunk import read_document
from ingest.clean import find_furniture, line_spans
from retriever.filters import Filters
from retriever.records import Document, Passage

texts = st.lists(
    st.one_of(
        pieces,
        st.sampled_from(
            ["[1]", "［２］", "[[1]1]", "5,784億元", "1.5兆", "３割", "2023年末", "〜", "か。", "何か？\n", "…",
             "（中略）", "\u200b", "\ufeff"]
        ),
        st.text(st.sampled_from("あア漢A1 ,.、。？\n\t\u3000か\u3099"), max_size=30),
    ),
    max_size=25,
).map("".join)  # fmt: skip


class Unfiltered:
    """In a retriever's place: lookup asks it for nothing else."""

    def check(self, filters: Filters) -> None:
        pass


def read(text: str) -> tuple[Document, list[Passage]]:
    return read_document(document(text))


def finder(source: Document, passages: list[Passage]) -> Finder:
    found: Any = Finder(Unfiltered())
    found._folded = [fold_document(source, passages)]
    return found


@given(texts)
def test_every_passage_is_proved_and_nothing_is_lost(text: str) -> None:
    check(*read(text))


@given(texts)
def test_furniture_lies_in_the_source_in_order(text: str) -> None:
    spans = [found.span for found in find_furniture(text)]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@given(texts)
def test_a_quote_without_marks_stands_at_its_spans(text: str) -> None:
    source, passages = read(text)
    for passage in passages:
        found = quote(unmarked(mapped_passage(passage, source)), source)
        assert not found.text or stands(source, found.text, found.spans)


@given(texts, texts)
def test_whatever_is_pasted_each_place_that_is_shown_stands_in_the_source(text: str, pasted: str) -> None:
    source, passages = read(text)
    found = finder(source, passages).lookup(pasted)
    event(found.status)
    for match in found.matches:
        assert stands(source, match.quote.text, match.quote.spans)
        assert 0 <= match.similarity <= 1


@given(texts, st.data())
def test_a_line_of_the_source_is_found_where_it_stands(text: str, data: st.DataObject) -> None:
    source, passages = read(text)
    lines = [span for span in line_spans(text) if any(c.isalnum() for c in text[slice(*span)])]
    if not lines:
        return
    start, end = data.draw(st.sampled_from(lines))
    found = finder(source, passages).lookup(text[start:end])
    assert found.status == "verbatim"
    assert all(stands(source, match.quote.text, match.quote.spans) for match in found.matches)
