import pytest

from api.citations.figures import agree, figures_in


def said(text: str) -> list[tuple[str, str]]:
    return [(format(figure.value.normalize(), "f"), figure.unit) for figure in figures_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "5,784億元",
        "5784億元",
        "５，７８４亿元",
        "5,784 億 人民元",
        "五千七百八十四億元",
        "578.4 billion yuan",
        "RMB 578.4bn",
    ],
)
def test_one_figure_in_many_forms(text: str) -> None:
    assert said(text) == [("578400000000", "元")]


@pytest.mark.parametrize("text", ["30%", "３０％", "3割", "三割", "3成", "30 percent", "30パーセント"])
def test_tenths_are_percent(text: str) -> None:
    assert said(text) == [("30", "%")]
    assert said("3割5分") == [("35", "%")]


@pytest.mark.parametrize(
    "text",
    [
        "2025年1月20日",
        "2025/1/20",
        "2025.01.20",
        "2025-1-20",
        "令和7年1月20日",
        "January 20, 2025",
        "Jan. 20 2025",
        "二〇二五年一月二十日",
    ],
)
def test_dates(text: str) -> None:
    assert said(text) == [("2025", "年"), ("1", "月"), ("20", "日")]


@pytest.mark.parametrize("text", ["①", "m²", "一部の企業", "数千社", "百度", "第三者", "四川省", "十分な"])
def test_what_is_no_figure(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two-thirds of the staff", [("66.7", "%")]),
        ("3分の2の人員", [("66.7", "%")]),
        ("半数以上", [("50", "%")]),
        ("百分之30", [("30", "%")]),
        ("three companies", [("3", "社")]),
        ("密度を倍増", [("2", "")]),
        ("in December", [("12", "月")]),
        ("they may march", []),
    ],
)
def test_figures_in_words(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text) == expected


def test_units_tell_figures_apart() -> None:
    assert said("▲5.4%と0.5ポイント、10-20社") == [("-5.4", "%"), ("0.5", "ポイント"), ("10", ""), ("20", "社")]
    assert said("7万㎡と7万m2と671B、5G") == [("70000", "平方メートル")] * 2 + [("671", "b"), ("5", "g")]
    assert said("marketing 2025") == [("2025", "")]
    assert said("1兆2,000億円、3億2千万人、2025年度") == [
        ("1200000000000", "円"),
        ("320000000", "人"),
        ("2025", "年度"),
    ]


@pytest.mark.parametrize(
    ("pasted", "source"),
    [
        ("5784億元", "AIコア産業の規模は5,784億元"),
        ("4,500", "4,500社"),
        ("16%", "2023年に16％"),
        ("1%", "1%未満"),
        ("2023年末の3割", "2023年末には30%"),
        ("企業が増えた", "企業が500社増えた"),
    ],
)
def test_figures_agree(pasted: str, source: str) -> None:
    assert agree(figures_in(pasted), figures_in(source))


@pytest.mark.parametrize(
    ("pasted", "source"),
    [
        ("5,874億元", "5,784億元"),
        ("5,784万元", "5,784億元"),
        ("5,784億円", "5,784億元"),
        ("5,784億ドル", "5,784億香港ドル"),
        ("2024年の16%", "2023年の16%"),
        ("1%以上", "1%未満"),
        ("甲は20%、乙は10%", "甲は10%、乙は20%"),
        ("16%", "16ポイント"),
        ("2025年度", "2025年"),
        ("500社", "企業"),
        ("-5%", "5%"),
    ],
)
def test_figures_disagree(pasted: str, source: str) -> None:
    assert not agree(figures_in(pasted), figures_in(source))
