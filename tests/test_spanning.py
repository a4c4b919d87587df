import json

import pytest
from conftest import ROOT

from api.answers.spanning import asks_several
from api.schemas import AskIn
from api.service import Service
from eval.answers import meets
from eval.questions import Evidence


@pytest.mark.parametrize(
    "question",
    [
        "2023年末のコア産業の規模と、広東省の目標はそれぞれいくら？",
        "米中のモデルの実力差は、2024年半ばとその後でどう変わりましたか",
        "2024年のWAICの頃と2025年で、規模はどう説明されている？",
        "土台の半導体は何で、それはどこの会社のものか",
        "北京の研究所が出したモデルですか？それとも新興企業？",
        "寒武纪最近一年股价涨了多少？技术上跟国际顶尖水平比怎么样？",
        "对比两个工厂的效果",
        "请比较百度和阿里的大模型",
        "Which company did its founders come from, and how power-hungry was the rack?",
        "How much did he put in, compared with what Galbot has raised?",
    ],
)
def test_questions_that_ask_for_several_things(question: str) -> None:
    assert asks_several(question)


@pytest.mark.parametrize(
    "question",
    [
        "中国のAI企業は世界の何割を占めますか",
        "企業と大学が一緒に作った研究所は、どこから支援を受けましたか",
        "快手のバージョン2.0は、Soraと比べてどんな点で上回ったとされていますか。",
        "中信集团在摩洛哥的工厂用上AI以后，设备运转效率提高了多少？",
        "中国做AI的数据资源为什么比较丰富？",
        "How much has Baidu invested in AI?",
        "Which German initiative inspired Beijing and its ministries?",
    ],
)
def test_questions_that_ask_for_one(question: str) -> None:
    assert not asks_several(question)


def test_most_questions_of_two_documents_get_the_evidence_of_both(service: Service) -> None:
    """Those of the dev questions; 17 of 24 when this was written."""
    questions = [json.loads(line) for line in (ROOT / "eval/questions/dev.jsonl").read_text("utf-8").splitlines()]
    spanning = [question for question in questions if question["id"].startswith("two-")]
    both = 0
    for question in spanning:
        cited = [c.model_dump() for c in service.ask(AskIn(question=question["question"], store=False)).citations]
        groups = [[Evidence(p["document"], p["start"], p["end"]) for p in group] for group in question["evidence"]]
        both += all(any(meets(c, place) for c in cited for place in group) for group in groups)
    assert both >= 0.6 * len(spanning)
