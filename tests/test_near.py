"""Near matches of citation lookup: what a journalist may paste."""

import pytest

from api.citations.lookup import Finder, Match
from api.service import Service

SENTENCE = "2023年末までに、中国のAIコア産業※の規模は5,784億元に達した。"


@pytest.fixture(scope="module")
def finder(service: Service) -> Finder:
    return service.finder


def nearest(finder: Finder, text: str) -> Match:
    found = finder.lookup(text)
    assert found.status == "near"
    assert all(match.similarity < 1 for match in found.matches)
    return found.matches[0]


@pytest.mark.parametrize(
    ("pasted", "quote", "numbers_agree"),
    [
        ("2023年末時点で、中国のAIコア産業の規模は5784億元に達している。", SENTENCE, True),
        ("2023年末までに、中国のAIコア産業※の規模は5784億元に達した。", SENTENCE, True),
        ("2023年末までに、中国のAIコア産業※の規模は5,874億元に達した。", SENTENCE, False),
        ("“2023年末までに、中国のAIコア産業※の規模は5,784億元に達した。”[1]", SENTENCE, True),
        ("2023年末までに，中国のAIコア産業※の規模は5,784億元に達した．（注1）", SENTENCE, True),
        ("2023年末までに、中国の\tAIコア産業※の規模は5,784億\n元に達したと", SENTENCE, True),
        ("中国のAIコア産業の規模は5784億元", "中国のAIコア産業※の規模は5,784億元", True),
        ("露光装置の国産比率は1%未満", "露光装置に関しては依然として海外依存が強く、国産比率は 1%未満", True),
        ("国産比率は１％以上にとどまっています", "国産比率は 1%未満にとどまっています", False),
        ("中国は１５％を占めている", "中国は16％を占めている", False),
        ("AI関連特許の6割を占める", "AI関連特許の約6割を占め", True),
        ("deepseek-r1", "DeepSeek-R1", True),
        ("华为云计算技术有限公司", "華為云計算技術有限公司", True),
        ("宇树科技", "宇樹科技", True),
    ],
)
def test_a_sentence_that_was_changed_is_near(finder: Finder, pasted: str, quote: str, numbers_agree: bool) -> None:
    match = nearest(finder, pasted)
    assert (match.quote.text, match.numbers_agree) == (quote, numbers_agree)


def test_the_halves_of_a_quote_with_an_omission_are_found(finder: Finder) -> None:
    match = nearest(finder, "2023年末までに……5,784億元に達した。")
    assert match.quote.text == "2023年末までに\n5,784億元に達した。"
    assert len(match.quote.spans) == 2
    assert (match.similarity, match.numbers_agree) == (0.99, True)
    assert nearest(finder, "2023年末までに（中略）5,874億元に達した。").numbers_agree is False


@pytest.mark.parametrize("pasted", ["5784億元", "五千七百八十四億元", "578.4 billion yuan", "約5784亿元"])
def test_a_bare_figure_finds_the_places_that_say_it(finder: Finder, pasted: str) -> None:
    found = finder.lookup(pasted)
    assert found.status == "near"
    assert [(match.quote.text, match.numbers_agree) for match in found.matches] == [("5,784億元", True)]


@pytest.mark.parametrize("pasted", ["5,785億元", "$578.4 billion", "578.4 billion yen", "3万社", "July 26, 2025"])
def test_a_bare_figure_is_not_nearly_another(finder: Finder, pasted: str) -> None:
    assert finder.lookup(pasted).status == "not_found"


def test_tenths_and_percent_are_near(finder: Finder) -> None:
    quotes = [match.quote.text for match in finder.lookup("3割").matches]
    assert quotes == ["30%", "30％"]


def test_a_table_row_from_a_browser(finder: Finder, service: Service) -> None:
    source = service.index.document("001_5012c29cd5c14aca").text
    row = source[source.index("2\t2016年4月") :].split("\n")[0]
    assert finder.lookup(row.replace("\t", "\t ")).status == "verbatim"
    match = nearest(finder, row.replace("2016年4月", "2017年4月"))
    assert (match.quote.text.split("\t")[1], match.numbers_agree) == ("2016年4月", False)


def test_a_sentence_that_two_passages_share(finder: Finder, service: Service) -> None:
    document = service.index.document("004_17361f999aa8c8f0")
    first, second = service.index.passages_of(document.doc_id)[2:4]
    pasted = document.text[first.spans[-1][1] - 30 : second.spans[0][0] + 30]
    assert finder.lookup(pasted).status == "verbatim"
    match = nearest(finder, pasted[:10] + "〓" + pasted[11:])
    assert match.quote.spans[0][0] < first.spans[-1][1] < second.spans[0][0] < match.quote.spans[-1][1]
