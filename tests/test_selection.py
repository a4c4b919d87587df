import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from api import selection
from api.candidates import split_hit
from api.evidence import absent_names, as_written, calibration, held_in, is_enough, names_in, needs_of
from api.kept import KeptAnswers
from api.service import Service
from eval.errors import BadQuestions
from eval.fit_answers import Choice, fit_selection, read_unanswerable
from ingest import build
from ingest.expand import Expansion
from ingest.load import find_sources, load
from retriever.embed import StaticModel
from retriever.index import open_index
from retriever.records import Asked

TEXT = "鷺沼電機は新しい工場を建てた。\n\n従業員は300人で、来年は500人になる。\n"


def ranked(service: Service, question: str) -> selection.Ranked:
    result = service.retriever.search(question)
    candidates = [candidate for hit in result.hits for candidate in split_hit(hit)]
    return selection.rank(result, needs_of(result, service.retriever), candidates, service.retriever)


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
        twins = {c.text: twin for c, twin in zip(found.candidates, found.twins, strict=True)}
    answering = twins["従業員は300人で、来年は500人になる。"]
    assert answering.asked == question
    assert answering.likeness == pytest.approx(1, abs=1e-3)
    assert twins["鷺沼電機は新しい工場を建てた。"].likeness == 0


def test_a_sentence_without_written_questions_is_its_own(own: Path, model: StaticModel) -> None:
    with closing(open_own(own, model, ())) as service:
        found = ranked(service, "社員数は何人ですか")
    assert all(twin.asked is None for twin in found.twins)
    np.testing.assert_allclose(found.feature("asked"), found.feature("like"), atol=1e-6)


def test_a_figure_and_a_year_that_are_asked_for_count(own: Path, model: StaticModel) -> None:
    with closing(open_own(own, model, ())) as service:
        found = ranked(service, "2024年の社員数は何人ですか")
    lacks = dict(zip((c.text for c in found.candidates), found.feature("lacks_value"), strict=True))
    assert lacks == {"鷺沼電機は新しい工場を建てた。": 1, "従業員は300人で、来年は500人になる。": 0}
    assert found.feature("other_year").all()


def test_names_that_no_passage_holds_are_told(service: Service) -> None:
    result = service.retriever.search("トヨタとBaiduの売上高は？")
    assert names_in(result.query) == ["トヨタ", "Baidu"]
    assert absent_names(result, held_in("百度の売上高")) == ["トヨタ"]
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


def test_shipped_weights_name_every_feature() -> None:
    assert set(selection.weights()) == set(selection.FEATURES)
    learnt = calibration()
    assert 0 < learnt.least_relevance < 1
    assert 0 < learnt.least_support < 1
    assert not is_enough({"constant": 1.0})  # no evidence at all


def test_questions_without_an_answer_are_of_the_field_or_outside_it(tmp_path: Path) -> None:
    inside, outside = read_unanswerable(ROOT / "corpus/unanswerable.jsonl")
    assert (len(inside), len(outside)) == (360, 200)
    (tmp_path / "bad.jsonl").write_text(json.dumps({"text": "?"}) + "\n", "utf-8")
    with pytest.raises(BadQuestions, match=r"bad\.jsonl"):
        read_unanswerable(tmp_path / "bad.jsonl")
