"""What an answer can be made of: no mark of its own, no question."""

import pytest
from conftest import document

from api.answers.candidates import split_passage
from api.citations.quotes import prove
from ingest.chunk import read_document


def shown_of(text: str) -> list[str]:
    """What each sentence and row of a text would be shown as; each quote is proved."""
    source = document(text)
    found = [row for passage in read_document(source)[1] for row in split_passage(passage, source)]
    for parts, shown in found:
        prove(source, shown.text, shown.spans)
        for part in parts:
            assert not part.is_quote or prove(source, part.text, part.spans) is None
    return ["".join(part.text for part in parts) for parts, _ in found]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("規模は5億元に達した[1]。", "規模は5億元に達した。"),
        ("規模は5億元に達した ［２］【3】〔4, 5〕。", "規模は5億元に達した。"),
        ("規模は5億元に達した[[1]1]。", "規模は5億元に達した。"),
        ("規模は5億元[2024]に達した。", "規模は5億元[2024]に達した。"),
        ("規模[注]は5億元に達した。", "規模[注]は5億元に達した。"),
    ],
)
def test_a_quote_holds_nothing_that_passes_for_a_citation(text: str, shown: str) -> None:
    assert shown_of(text) == [shown]


def test_nor_do_cells_and_column_names() -> None:
    assert shown_of("社名[1]\t規模[2]\n百度[3]\t5億元【4】\n阿里\t[5]\n") == ["社名：百度、規模：5億元", "社名：阿里"]


@pytest.mark.parametrize("question", ["規模は？", "規模はいくらでしょうか。", "规模大吗。", "How large?"])
def test_a_question_answers_nothing(question: str) -> None:
    assert shown_of(f"{question}\n\n規模は5億元に達した。") == ["規模は5億元に達した。"]


def test_what_only_ends_like_a_question_is_kept() -> None:
    assert shown_of("差は明らか。") == ["差は明らか。"]
