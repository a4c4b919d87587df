import pytest

from api.gloss import gloss
from retriever.glossary import Entry


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("5,784億元", "578.4 billion yuan", "5,784亿元"),
        ("約1.2兆元", "about 1.2 trillion yuan", "约1.2万亿元"),
        ("９３億ドル", "9.3 billion dollars", "93亿美元"),
        ("3割", "30 percent", "3成"),
        ("16％", "16 percent", "16%"),
        ("4,700社以上", "4,700 companies or more", "4,700家以上"),
        ("7.5万件", "75,000 items", "7.5万项"),
        ("2位", "rank 2", "2位"),
        ("2024年6月", "June 2024", "2024年6月"),
        ("2023年末", "end of 2023", "2023年底"),
        ("2024年7月\n4日", "4 July 2024", "2024年7月4日"),
    ],
)
def test_figures_and_dates_are_told_in_the_askers_language(text: str, english: str, chinese: str) -> None:
    assert (gloss(text, "en"), gloss(text, "zh")) == (english, chinese)


def test_a_name_is_that_of_the_glossary() -> None:
    entries = [Entry("百度", "Baidu", "百度", ("バイドゥ",))]
    assert gloss("バイドゥ", "en", entries) == "Baidu"


@pytest.mark.parametrize(("text", "language"), [("5,784億元", "ja"), ("世界一の工場", "en"), ("1枚半", "zh")])
def test_what_is_not_known_for_sure_has_no_gloss(text: str, language: str) -> None:
    assert gloss(text, language) is None
