import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from api.answers import answer, selection
from api.answers.evidence import AGAINST, FEATURES, calibration, confidence, is_enough
from api.answers.mentions import names_in, passed_over
from api.answers.needs import as_written, needs_of
from api.answers.periods import years_in
from api.citations.terms import as_text, held_in, read_terms
from api.kept import KeptAnswers
from api.schemas import AskIn
from api.service import Service
from eval.errors import BadQuestions
from eval.fit_answers import Choice, Outcomes, calibrate, fit_selection, read_unanswerable, unwritten
from ingest import build
from ingest.expand import Expansion
from ingest.load import find_sources, load
from retriever.embed import StaticModel
from retriever.index import open_index
from retriever.records import Asked

TEXT = "鷺沼電機は新しい工場を建てた。\n\n従業員は300人で、来年は500人になる。\n"


def ranked(service: Service, question: str) -> selection.Ranked:
    result = service.retriever.search(question)
    return selection.rank(result, needs_of(result, service.reader.weigher), service.reader)


@pytest.fixture
def own(tmp_path: Path, model: StaticModel) -> Path:
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    return tmp_path


def open_own(own: Path, model: StaticModel, questions: tuple[Asked, ...]) -> Service:
    source = load(find_sources(own / "a.txt")[0])
    expansion = Expansion(source.source_sha256, ((0, len(source.text)),), questions, "a.jsonl:1")
    expansions = {source.source_sha256: [expansion]} if questions else {}
    build.ingest(own / "index", [own / "a.txt"], model, expansions, progress=lambda message: None)
    return Service(open_index(own / "index", model.name), model, KeptAnswers(own / "answers.sqlite"))


def test_a_written_question_leads_to_the_sentence_that_answers_it(own: Path, model: StaticModel) -> None:
    start = TEXT.index("従業員")
    question = Asked(
        "ja", "社員数は何人ですか", ((start, start + 20),), ((TEXT.index("300人"), TEXT.index("300人") + 4),)
    )
    with closing(open_own(own, model, (question,))) as service:
        found = ranked(service, "社員数は何人ですか")
        twins = {candidate.text: found.twins.of(i) for i, candidate in enumerate(found.candidates)}
    answering = twins["従業員は300人で、来年は500人になる。"]
    assert answering.asked == question
    assert answering.likeness == pytest.approx(1, abs=1e-3)
    assert twins["鷺沼電機は新しい工場を建てた。"].likeness == 0


def test_where_one_written_question_leads_to_two_sentences_the_second_may_lie_farther(
    own: Path, model: StaticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Asked("ja", "社員数は何人ですか", ((0, len(TEXT)),), ())
    for reach, close in ((0.0, [False, True]), (100.0, [True, True])):
        monkeypatch.setattr(answer, "SAME_TWIN", reach)
        monkeypatch.setattr(answer, "NEXT_VALUE", 0.0)
        with closing(open_own(own, model, (question,))) as service:
            result = service.retriever.search("社員数は何人ですか")
            needs = needs_of(result, service.reader.weigher)
            assert answer._close(selection.rank(result, needs, service.reader), needs).tolist() == close


def test_a_sentence_without_written_questions_is_its_own(own: Path, model: StaticModel) -> None:
    with closing(open_own(own, model, ())) as service:
        found = ranked(service, "社員数は何人ですか")
    twins = [found.twins.of(i) for i in range(len(found.candidates))]
    assert all(twin.asked is None and twin.likeness == twin.near for twin in twins)
    assert found.feature("covered").tolist() == found.feature("said").tolist()


def test_all_documents_are_new_to_an_index_without_written_questions(service: Service) -> None:
    with unwritten(ROOT / "corpus", service.retriever) as new:
        found = new.search("露光装置の国産比率は？")
        assert found.hits[0].document.doc_id == service.retriever.search(found.query).hits[0].document.doc_id
        assert not any(new.index.questions_of(hit.place).asked for hit in found.hits)
        assert not any(hit.scores["asked_words"] for hit in found.hits)


def test_a_figure_and_a_year_that_are_asked_for_count(own: Path, model: StaticModel) -> None:
    with closing(open_own(own, model, ())) as service:
        found = ranked(service, "2024年の社員数は何人ですか")
    lacks = dict(zip((c.text for c in found.candidates), found.feature("lacks_value"), strict=True))
    assert lacks == {"鷺沼電機は新しい工場を建てた。": 1, "従業員は300人で、来年は500人になる。": 0}
    assert not found.feature("wrong_year").any()  # no year is told


def test_a_sentence_of_another_year_is_told(service: Service) -> None:
    assert years_in("令和6年") == {"2024"}
    assert years_in("2024.5.1 の34%") == {"2024"}
    found = ranked(service, "2019年に発表された政策は？")
    wrong = dict(zip((c.text for c in found.candidates), found.feature("wrong_year"), strict=True))
    assert {bool(value) for text, value in wrong.items() if "2019" in text} <= {False}
    assert any(wrong.values())


def test_names_that_no_passage_holds_are_told(service: Service) -> None:
    result = service.retriever.search("トヨタとBaiduの売上高は？")
    assert names_in(result.query) == ["トヨタ", "Baidu"]
    needs = needs_of(result, service.reader.weigher)
    assert needs.absent(needs.met(needs.held(read_terms([as_text("百度の売上高")])))) == ["トヨタ"]
    assert as_written("best pasta recipe", ("レシピ", "best")) == ("recipe", "best")


def test_the_sentence_that_is_relevant_teaches_the_weights() -> None:
    chance = np.random.default_rng(0)
    column = selection.FEATURES.index("covered")
    found = []
    for _ in range(60):
        features = chance.random((12, len(selection.FEATURES)))
        found.append(Choice(features, features[:, column] == features[:, column].max()))
    weights = fit_selection(found)
    assert weights["covered"] == max(weights.values())
    assert weights["covered"] > 3 * sorted(weights.values())[-2]


def test_the_evidence_that_tells_apart_teaches_when_to_answer() -> None:
    chance = np.random.default_rng(0)
    features = chance.random((400, len(FEATURES)))
    features[:, -1] = 1
    lacks = FEATURES.index("lacks_value")
    answerable = features[:, lacks] < 0.5
    features[:, FEATURES.index("rarest")] = answerable  # speaks against an answer by its name, not here
    foreign = ~answerable & (np.arange(400) % 2 == 0)
    seen = Outcomes(features, answerable, foreign, answerable, np.ones(400))
    learnt = calibrate(seen)
    support = learnt["support"]
    assert isinstance(support, dict)
    assert support["lacks_value"] == min(support.values())
    assert support["rarest"] == 0
    assert all(support[name] <= 0 for name in AGAINST)


def test_a_confident_answer_needs_all_evidence() -> None:
    for new in (0.0, 1.0):
        sure = dict.fromkeys(FEATURES, 0.0) | {"best": 1.0, "dense": 0.4, "constant": 1.0, "new": new}
        for name in ("lacks_value", "wrong_year", "rarest", "unheard_name"):
            assert confidence(sure | {name: 1.0}) < confidence(sure)
    sure["new"] = 0.0
    assert confidence(sure | {"asks_other": 1.0}) < confidence(sure)


def test_shipped_weights_name_every_feature() -> None:
    assert set(selection.weights()) == set(selection.FEATURES)
    for is_new in (False, True):
        learnt = calibration(is_new)
        assert set(learnt.relevance) == set(learnt.support) == set(FEATURES)
        assert not is_enough({"constant": 1.0, "new": float(is_new)})  # no evidence at all


def test_questions_without_an_answer_are_of_the_field_or_outside_it(tmp_path: Path) -> None:
    inside, outside = read_unanswerable(ROOT / "corpus/unanswerable.jsonl")
    assert (len(inside), len(outside)) == (1280, 200)
    (tmp_path / "bad.jsonl").write_text(json.dumps({"text": "?"}) + "\n", "utf-8")
    with pytest.raises(BadQuestions, match=r"bad\.jsonl"):
        read_unanswerable(tmp_path / "bad.jsonl")


@pytest.mark.parametrize(
    ("question", "text", "asked"),
    [
        ("日本のAI企業は何社ですか", "中国のAI企業は4,500社", ["日本"]),
        ("How many AI companies does Japan have?", "中国のAI企業は4,500社", ["Japan"]),
        ("中国のAI企業は何社ですか", "中国のAI企業は4,500社", []),
        ("テンセントの投資額は", "百度の投資額は10億元", ["テンセント"]),
        ("投資額はいくらですか", "百度の投資額は10億元", []),
        ("テンセントの投資額は", "投資額は10億元", []),
    ],
)
def test_a_passage_that_tells_of_another_passes_the_asked_one_over(
    service: Service, question: str, text: str, asked: list[str]
) -> None:
    result = service.retriever.search(question)
    assert passed_over(result.matches, service.retriever.matches(text, "ja"), held_in(text)) == asked


def test_where_a_value_is_asked_for_who_is_never_named_is_passed_over(service: Service) -> None:
    def over(question: str, text: str) -> list[str]:
        result = service.retriever.search(question)
        return passed_over(result.matches, service.retriever.matches(text, "ja"), held_in(text), value=True)

    assert over("テンセントの投資額は", "投資額は10億元") == ["テンセント"]
    assert over("テンセントの投資額は", "騰訊の投資額は10億元") == []
    assert over("中国の投資額は", "投資額は10億元") == []


def test_a_market_of_another_country_is_no_answer(service: Service) -> None:
    assert not service.ask(AskIn(question="日本の人型ロボット市場規模は？", store=False)).answered
    assert service.ask(AskIn(question="中国の人型ロボット市場規模は？", store=False)).answered


def test_a_row_counts_with_what_stands_before_it_in_its_passage(own: Path, model: StaticModel) -> None:
    with closing(open_own(own, model, ())) as service:
        found = ranked(service, "鷺沼電機の社員数は何人ですか")
    rows = {c.text: number for number, c in enumerate(found.candidates)}
    subject, answer = rows["鷺沼電機は新しい工場を建てた。"], rows["従業員は300人で、来年は500人になる。"]
    assert found.feature("covered")[answer] < found.feature("covered")[subject]
    assert found.feature("covered_so_far")[answer] >= found.feature("covered_so_far")[subject]
    assert found.feature("complete")[answer] == 1
    assert found.feature("novel")[subject] < 1


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What did Xiaomi get approved in the fifth batch?", {"小米"}),
        ("第三批和第四批备案中小米的产品叫什么？", {"小米"}),
        ("小米と愛奇芸が審査登録を通過したモデルは", {"小米", "愛奇芸"}),
    ],
)
def test_rows_of_a_table_about_other_companies_are_no_answer(service: Service, question: str, named: set[str]) -> None:
    found = ranked(service, question)
    rows = {c.text: score for c, score in zip(found.candidates, found.scores, strict=True) if "、製品名：" in c.text}
    own = {text for text in rows if any(f"社名：{name}、" in text for name in named)}
    assert len(own) >= 2
    assert min(rows[text] for text in own) > max(rows[text] for text in rows.keys() - own) + 50
    answer = service.ask(AskIn(question=question, store=False)).answer or ""
    assert all(text in own for text in rows if text in answer)


@pytest.mark.parametrize(
    "question", ["2024年の中国の民間AI投資額は？", "Which chip firms does China back?", "具身智能的定义是什么？"]
)
def test_no_third_document_brings_two_sentences_nearer(service: Service, question: str) -> None:
    """What one says may keep another's further sentences out of an answer, but never lets them in."""
    result = service.retriever.search(question, 40)
    needs = needs_of(result, service.reader.weigher)
    every = selection.rank(result, needs, service.reader)
    owners = np.asarray([candidate.hit.document.doc_id for candidate in every.candidates])
    assert len(set(owners)) > 2
    for doc_id in set(owners):
        others = tuple(hit for hit in result.hits if hit.document.doc_id != doc_id)
        fewer = selection.rank(replace(result, hits=others), needs, service.reader)
        assert (fewer.below <= every.below[owners != doc_id] + 1e-9).all()
        assert fewer.below.min() == 0
