import pytest

from api.citations.quotes import prove
from api.schemas import AnswerOut, AskIn
from api.service import Service


def ask(service: Service, question: str) -> AnswerOut:
    return service.ask(AskIn(question=question, store=False))


@pytest.mark.parametrize(
    ("question", "text", "gloss"),
    [
        ("2023年末までの中国のAIコア産業の規模は？", "5,784億元", None),
        ("露光装置の国産比率は？", "1%未満", None),
        ("How large was China's core AI industry at the end of 2023?", "5,784億元", "578.4 billion yuan"),
        ("2023年底中国人工智能核心产业规模是多少？", "5,784億元", "5,784亿元"),
    ],
)
def test_the_figure_that_is_asked_for_stands_alone(
    service: Service, question: str, text: str, gloss: str | None
) -> None:
    answer = ask(service, question)
    assert answer.short_answer is not None
    assert (answer.short_answer.text, answer.short_answer.gloss) == (text, gloss)
    cited = answer.citations[answer.short_answer.citation - 1]
    assert text in cited.quote
    prove(service.index.document(cited.doc_id), text, answer.short_answer.spans)


def test_who_asks_for_reasons_gets_no_single_figure(service: Service) -> None:
    answer = ask(service, "中国政府がAIの国産化を急ぐのはなぜですか")
    assert answer.answered
    assert answer.short_answer is None
