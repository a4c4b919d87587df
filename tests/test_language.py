from pathlib import Path

import pytest

from retriever.language import detect_language

QUESTIONS = [
    line.split("\t") for line in (Path(__file__).parent / "data/languages.tsv").read_text("utf-8").splitlines()
]


def test_three_hundred_short_questions() -> None:
    wrong = [(language, text) for language, text in QUESTIONS if detect_language(text) != language]
    assert len(QUESTIONS) == 300
    assert len(wrong) <= 3, wrong


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("百度 文心一言 発表時期", "ja"),
        ("AI企業数", "ja"),
        ("国产化率", "zh"),
        ("深圳市 助成金 申請条件", "ja"),
        ("DeepSeek R1 training cost", "en"),
        ("¿Cuál es el tamaño del mercado de inteligencia artificial?", "es"),
        ("인공지능 시장", "ko"),
        ("12345", "en"),
        ("What is 文心一言?", "en"),
        ("Where is Zhipu (智谱) based, and who founded it?", "en"),
        ("How many 大模型 were approved in 2024?", "en"),
        ("Who founded ディープシーク?", "en"),
        ("In 2024, how many 大模型 were approved?", "en"),
        ("Compare 百度 with 阿里", "en"),
        ("The Information 报道了什么？", "zh"),
        ("The State of AI 报告", "zh"),
        ("China Mobile 営業利益", "ja"),
        ("China Mobile 营收", "zh"),
        ("Model Y 売上高", "ja"),
        ("Model 3 销量", "zh"),
        ("AI chip market シェア", "ja"),
        ("What is the 중국 시장?", "ko"),
        ("论文 Attention Is All You Need 的作者是谁？", "zh"),
        ("The State of AI in 2025 のレポート", "ja"),
        ("Baidu 検索", "ja"),
        ("👉", "en"),
    ],
)
def test_script_and_forms_decide(text: str, language: str) -> None:
    assert {detect_language(text) for _ in range(3)} == {language}
