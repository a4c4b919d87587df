import re
from dataclasses import replace

import pytest
from conftest import document

from api.answers.answer import MOST_CHARACTERS
from api.answers.candidates import Candidate, Part, Row
from api.answers.sources import as_lines, date_label, fitting
from api.citations.quotes import Quote
from api.schemas import AskIn
from api.service import Service
from retriever.records import Passage
from retriever.search import Hit


def candidate(text: str, doc_id: str, published: str | None, rank: int = 1, title: str = "題名") -> Candidate:
    dated = replace(document(text, doc_id), title=title, published=published)
    spans = ((0, len(text)),)
    passage = Passage(f"{doc_id}.0", doc_id, (), "prose", text, spans)
    hit = Hit(0, rank, 1.0, {}, lambda _: passage, lambda _: dated)
    return Candidate(hit, Row((Part(text, spans),), Quote(text, spans)))


@pytest.mark.parametrize(
    ("published", "label"),
    [("2024", "2024年"), ("2024-07", "2024年7月"), ("2026-01-30", "2026年1月30日"), (None, "日付不明")],
)
def test_a_date_is_told_as_precisely_as_it_is_known(published: str | None, label: str) -> None:
    assert date_label(published) == label


def test_the_lines_of_several_sources_begin_with_their_dates() -> None:
    lines = as_lines(
        [candidate("一。", "a", "2024-07"), candidate("二。", "b", "2025"), candidate("三。", "a", "2024-07", 3)]
    )
    assert [line.text for line in lines] == ["（2024年7月）一。", "（2024年7月）三。", "（2025年）二。"]
    assert [(part.text, part.is_quote) for part in lines[0].parts] == [("（2024年7月）", False), ("一。", True)]
    assert lines[0].quote.text == "一。"


def test_two_sources_of_one_date_are_told_apart_by_their_titles() -> None:
    lines = as_lines(
        [
            candidate("一。", "a", "2024", 1, "中国AI産業の最新動向と発展要因"),
            candidate("二。", "b", "2024", 2, "産業白書"),
            candidate("三。", "c", "2023", 3),
        ]
    )
    labels = ["（2024年、中国AI産業の最新動向と発…）", "（2024年、産業白書）", "（2023年）"]
    assert [line.parts[0].text for line in lines] == labels


def test_titles_that_begin_alike_are_told_in_full() -> None:
    titles = [f"中国のAI産業に関する年次報告{part}" for part in "上下"]
    lines = as_lines([candidate(f"{n}。", str(n), "2024", n, title) for n, title in enumerate(titles)])
    assert [line.parts[0].text for line in lines] == [f"（2024年、{title}）" for title in titles]


def test_one_source_needs_no_date() -> None:
    assert [line.text for line in as_lines([candidate("一。", "a", "2024"), candidate("二。", "a", "2024", 2)])] == [
        "一。",
        "二。",
    ]


def test_dates_count_among_the_characters_of_an_answer() -> None:
    one, other = candidate("あ" * 250, "a", "2024"), candidate("い" * 142, "b", "2025")
    assert fitting([one, other]) == (one,)
    assert len(fitting([one, candidate("い" * 120, "b", "2025")])) == 2


def test_an_answer_of_several_sources_dates_each_of_its_lines(service: Service) -> None:
    answer = service.ask(
        AskIn(
            question="2023年末の中国全体のAIコア産業の規模と、広東省が2025年までに目指すAI産業の規模はそれぞれいくら？"
        )
    )
    assert answer.answer
    assert len(answer.answer) <= MOST_CHARACTERS
    assert {citation.doc_id[:3] for citation in answer.citations} >= {"002", "003"}
    for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
        label = sentence.parts[0]
        assert (label.kind, label.citation, label.spans) == ("label", None, [])
        assert re.fullmatch(r"（20[0-9]{2}年(?:[0-9]+月)?(?:[0-9]+日)?）", label.text)
        assert label.text.startswith(f"（{(citation.published or '')[:4]}年")
        assert sentence.text == label.text + citation.quote
        assert answer.answer[sentence.start : sentence.end] == sentence.text
