from contextlib import closing
from pathlib import Path

import pytest
from test_selection import TEXT, open_own, own  # noqa: F401

from api.answers.agreement import Agreement, agreement
from api.answers.aspects import aspect_of
from api.answers.needs import needs_of
from api.answers.selection import rank
from api.service import Service
from retriever.embed import StaticModel
from retriever.records import Asked


@pytest.mark.parametrize(
    ("question", "aspect"),
    [
        ("シャオミはなぜ自動車に参入したのですか", "reason"),
        ("Why did Tencent open-source Hunyuan 3D?", "reason"),
        ("小米为什么要造车？", "reason"),
        ("文心一言はいつ公開された？", "date"),
        ("WACOの設置を提案したのは誰ですか", "who"),
        ("手術ロボットを作ったのはどこの会社？", "who"),
        ("Which company developed the early warning system?", "who"),
        ("该基金由哪家机构管理？", "who"),
        ("新しい拠点はどこにありますか", "place"),
        ("Where was WAIC 2024 held?", "place"),
        ("露光装置の国産比率は？", "share"),
        ("How many parameters does MedGPT have?", "count"),
        ("中国のAI企業は何社なんですか", "count"),
        ("WAIC 2025はいつなんですか", "date"),
        ("为何选择上海？", "reason"),
        ("应用在哪些领域？", "what"),
        ("上海的人工智能产业园在哪？", "place"),
        ("MaaSを提供している企業はどこ？", "who"),
        ("Which Chinese AI startup was founded by Li Kaifu?", "who"),
        ("低空経済とは何ですか？", "what"),
        ("什么是低空经济？", "what"),
        ("What is embodied AI?", "what"),
        ("AIは教育でどのように使われていますか", "manner"),
        ("中国の半導体産業の課題", "what"),
    ],
)
def test_a_question_asks_for_one_thing(question: str, aspect: str) -> None:
    assert aspect_of(question) == aspect


def agreed(service: Service, question: str) -> Agreement:
    result = service.retriever.search(question)
    return agreement(result, rank(result, needs_of(result, service.reader.weigher), service.reader), service.reader)


def test_a_written_question_that_asks_for_the_same_agrees(own: Path, model: StaticModel) -> None:  # noqa: F811
    start = TEXT.index("従業員")
    written = Asked("ja", "2025年の鷺沼電機の従業員は何人ですか", ((start, start + 20),))
    with closing(open_own(own, model, (written,))) as service:
        same = agreed(service, "2025年の鷺沼電機の従業員は何人ですか")
        why = agreed(service, "2025年の鷺沼電機の従業員はなぜ増えるのですか")
        year = agreed(service, "2019年の鷺沼電機の従業員は何人ですか")
    assert same.likest == pytest.approx(1, abs=1e-3)
    assert (same.asks_other, same.unasked, same.asked_both, same.asked_own) == pytest.approx((0, 0, 1, 1), abs=1e-3)
    assert why.asks_other == why.likest > 0  # none asks why
    assert year.asks_other == year.likest > 0
    assert why.unasked > 0


def test_where_none_was_written_nothing_is_said(own: Path, model: StaticModel) -> None:  # noqa: F811
    with closing(open_own(own, model, ())) as service:
        assert agreed(service, "従業員は何人ですか") == Agreement()
