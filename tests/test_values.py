import pytest

from api.answers.expected import FIGURES, expected
from api.answers.values import Value, values_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2023年末までにAIコア産業の規模は5,784億元に達した", [("date", "2023年末"), ("money", "5,784億元")]),
        ("全世界で計3.6万社、中国は16％", [("count", "3.6万社"), ("share", "16％")]),
        ("40以上の道具、2～3社、約３割", [("count", "40以上"), ("count", "2～3社"), ("share", "約３割")]),
        ("7月26日～28日に1,024枚を並べた", [("date", "7月26日～28日"), ("count", "1,024枚")]),
        ("第3回の審査で4,500万人超", [("count", "4,500万人超")]),
        ("CEOの徐立氏とエリック・シュミット氏", [("person", "徐立"), ("person", "エリック・シュミット")]),
        ("割合を引き上げる", []),
        ("百度の数字は十分で、三位一体のGPT-4とH100、WAIC2025", []),
        ("20～30億元、10%～15%、▲3.2%", [("money", "20～30億元"), ("share", "10%～15%"), ("share", "▲3.2%")]),
        ("10分野、10個人、100余社が参加", [("count", "10分野"), ("count", "100余社")]),
        ("2025年第1四半期と2023.6.14", [("date", "2025年第1四半期"), ("date", "2023.6.14")]),
        ("国務院総理と清華大学教授", []),
    ],
)
def test_figures_dates_and_people_are_found_as_they_stand(text: str, found: list[tuple[str, str]]) -> None:
    assert [(value.kind, value.text) for value in values_in(text)] == found
    assert all(text[value.start : value.end] == value.text for value in values_in(text))


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("文心一言はいつ公開された？", ("date",)),
        ("百度的文心一言什么时候发布的", ("date",)),
        ("When was Kling 2.0 released?", ("date",)),
        ("露光装置の国産比率は？", ("share",)),
        ("What share of AI patents does China hold?", ("share",)),
        ("投資額はいくらですか", ("money",)),
        ("低空経済の市場規模は？", ("money",)),
        ("低空经济的市场规模有多大？", ("money",)),
        ("How big is the market for humanoid robots?", ("money",)),
        ("市場規模が最も大きい分野は", ()),
        ("提案したのは誰ですか", ("person",)),
        ("中国のAI企業は何社？", FIGURES),
        ("How many AI companies are there in China?", FIGURES),
        ("大模型备案数量", FIGURES),
        ("なぜ規制が強まったのですか", ()),
        ("具身智能是什么？", ()),
        ("国産比率とは何ですか", ()),
        ("シェアリング経済の動き", ()),
        ("How much was it worth the year before, when it grew?", FIGURES),
    ],
)
def test_a_question_says_what_it_asks_for(question: str, kinds: tuple[str, ...]) -> None:
    assert expected(question).kinds == kinds


def fitting(question: str, text: str) -> list[Value]:
    return [value for value in values_in(text) if expected(question).fit(value)]


def test_a_unit_of_the_question_chooses_among_figures() -> None:
    text = "2025年に合計490万社に達し、投資は650億元、300件であった"
    assert [value.text for value in fitting("何社ありますか", text)] == ["490万社"]
    assert [value.text for value in fitting("投資額はいくら", text)] == ["650億元"]


def test_a_value_of_the_question_is_no_answer_to_it() -> None:
    assert fitting("2023年に発表されたモデルの更新はいつ？", "2023年に公開、2024年に更新")[0].text == "2024年"
