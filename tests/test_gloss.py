import pytest

from api.answers.gloss import gloss, names_of
from api.answers.values import values_in
from api.service import Service
from retriever.glossary import Entry


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("5,784億元", "578.4 billion yuan", "5,784亿元"),
        ("約1.2兆元", "about 1.2 trillion yuan", "约1.2万亿元"),
        ("９３億ドル", "9.3 billion dollars", "93亿美元"),
        ("3割", "30 percent", "3成"),
        ("16％", "16 percent", "16%"),
        ("4,700社以上", "at least 4,700 companies", "至少4,700家"),
        ("1%未満", "less than 1 percent", "不到1%"),
        ("1000万人超", "more than 10 million people", "超过1000万人"),
        ("約9千万元", "about 90 million yuan", "约9千万元"),
        ("1社", "1 company", "1家"),
        ("2023.6.14", "14 June 2023", "2023年6月14日"),
        ("2位", "rank 2", "2位"),
        ("2024年6月", "June 2024", "2024年6月"),
        ("2023年末", "end of 2023", "2023年底"),
        ("2024年7月\n4日", "4 July 2024", "2024年7月4日"),
    ],
)
def test_figures_and_dates_are_told_in_the_askers_language(text: str, english: str, chinese: str) -> None:
    assert (gloss(text, "en"), gloss(text, "zh")) == (english, chinese)


def test_a_name_is_that_of_the_glossary() -> None:
    names = names_of([Entry("百度", "Baidu", "百度", ("バイドゥ",))])
    assert gloss("バイドゥ", "en", names) == "Baidu"


def test_a_form_of_two_names_has_no_gloss() -> None:
    entries = [Entry("IDC", "IDC", "IDC"), Entry("データセンター", "data center", "数据中心", ("IDC",))]
    assert gloss("IDC", "en", names_of(entries)) is None


def test_every_value_and_short_answer_of_the_corpus_can_be_glossed(service: Service) -> None:
    glossed = 0
    for number in range(len(service.index.alive)):
        passage = service.index.passage(number)
        source = service.index.document(passage.doc_id).text
        questions = service.index.questions_of(number).asked
        shorts = ["".join(source[a:b] for a, b in q.short) for q in questions if q.short]
        for text in (*shorts, *(value.text for value in values_in(passage.text))):
            glossed += bool(gloss(text, "en")) and bool(gloss(text, "zh"))
    assert glossed > 900


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("5,784億元", "ja"),
        ("世界一の工場", "en"),
        ("1枚半", "zh"),
        ("2025年13月", "en"),
        ("20～30億元", "en"),
        ("7.5万件", "en"),
    ],
)
def test_what_is_not_known_for_sure_has_no_gloss(text: str, language: str) -> None:
    assert gloss(text, language) is None
