import numpy as np
import pytest
from conftest import document

from api.service import Service
from eval.fit import Example, corpus_examples, feature_names, fit
from eval.leave_out import only_from
from eval.overlap import twins
from eval.questions import Question
from retriever.glossary import Entry


def question(text: str, qid: str = "q") -> Question:
    return Question(qid, "dev", "ja", "number", "lexical", text, (), (), ())


def test_the_feature_that_points_at_the_evidence_gets_the_weight() -> None:
    chance = np.random.default_rng(0)
    examples = []
    for _ in range(50):
        features = chance.random((20, 3)).astype(np.float32)
        examples.append(Example(features, features[:, 1] == features[:, 1].max()))
    weights = fit(examples, ["noise", "signal", "hum"])
    assert weights["signal"] > 5 * max(weights.get("noise", 0), weights.get("hum", 0))


def test_a_feature_that_misleads_gets_no_weight() -> None:
    chance = np.random.default_rng(0)
    examples = []
    for _ in range(50):
        features = chance.random((20, 2)).astype(np.float32)
        examples.append(Example(features, features[:, 0] == features[:, 0].min()))
    assert "misleading" not in fit(examples, ["misleading", "other"])


def test_an_example_weighs_as_it_says() -> None:
    first = Example(np.eye(2, dtype=np.float32), np.asarray([True, False]), weight=9.0)
    second = Example(np.eye(2, dtype=np.float32), np.asarray([False, True]), weight=1.0)
    weights = fit([first, second], ["a", "b"])
    assert weights["a"] > weights.get("b", 0.0)


def test_what_cannot_be_answered_teaches_no_weights(service: Service) -> None:
    names = feature_names(service.retriever)
    assert not list(corpus_examples([question("東京の天気は？")], service.retriever, names))


def test_nearly_the_same_questions_are_twins() -> None:
    written = ["百度の新しいモデルは何ですか", "市場規模はいくらか"]
    asked = [question("百度の新しいモデルは何ですか？", "near"), question("ロボットの台数は？", "far")]
    found = twins(asked, written)
    assert found.keys() == {"near"}
    assert found["near"].written == written[0]
    assert found["near"].similarity > 90


@pytest.mark.parametrize(
    ("source", "left_out"), [("001", True), ("001,002", False), ("general", False), ("000", False)]
)
def test_a_glossary_row_is_left_out_with_the_only_document_that_gave_it(source: str, left_out: bool) -> None:
    assert only_from(Entry("市場", "market", "市场", source=source), document("x", "001_abc")) is left_out
