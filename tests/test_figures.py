import pytest

from api.figures import figures_in, unsaid


def shown(text: str) -> set[tuple[str, str, str]]:
    return {(figure.kind, f"{figure.value.normalize():f}", figure.unit) for figure in figures_in(text)}


@pytest.mark.parametrize(
    "text",
    [
        "規模は5,784億元",
        "規模は５７８４億元",
        "规模达5784亿元",
        "it reached 578.4 billion yuan",
        "RMB 578,400 million yuan",
    ],
)
def test_money_is_the_same_in_three_languages(text: str) -> None:
    assert ("amount", "578400000000", "yuan") in shown(text)


@pytest.mark.parametrize("text", ["約3割", "30%", "30 percent", "百分之30", "三割", "3成", "30ポイント"])
def test_a_share_is_one_however_it_is_written(text: str) -> None:
    assert shown(text) == {("share", "30", "")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023年12月5日", {("year", "2023", ""), ("month", "12", ""), ("day", "5", "")}),
        ("December 5, 2023", {("year", "2023", ""), ("month", "12", ""), ("day", "5", "")}),
        ("2023.12.5", {("year", "2023", ""), ("month", "12", ""), ("day", "5", "")}),
        ("令和5年", {("year", "2023", "")}),
        ("by the end of 2023.", {("year", "2023", "")}),
        ("2000万元", {("amount", "20000000", "yuan")}),
        ("50 兆元", {("amount", "50000000000000", "yuan")}),
        ("4.4万亿元", {("amount", "4400000000000", "yuan")}),
        ("3分の2", {("share", "66.7", "")}),
        ("two-thirds of the staff", {("share", "66.7", "")}),
        ("去年的三倍", {("amount", "3", "")}),
        ("密度を倍増", {("amount", "2", "")}),
        ("GPT-4とH100とWAIC2025", set()),
    ],
)
def test_dates_scales_and_words(text: str, expected: set[tuple[str, str, str]]) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("said", "held", "agrees"),
    [
        ("about 580 billion yuan", "5,784億元", True),
        ("600 billion yuan", "5,784億元", False),
        ("578.4 billion dollars", "5,784億元", False),
        ("578.4 billion", "5,784億元", True),
        ("2024年", "2023年", False),
        ("30%", "30社", False),
    ],
)
def test_a_rounding_agrees_another_figure_does_not(said: str, held: str, agrees: bool) -> None:
    assert (not unsaid(figures_in(said), figures_in(held))) == agrees
