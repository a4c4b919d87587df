"""Metrics on hand-made cases, against the definitions and against trec_eval and SciPy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eval.answers import abstention, auroc, calibration_error, contains, measure_answers, risk_coverage, short_scores
from eval.questions import Evidence, Question
from eval.rankers import Place, Scored
from eval.retrieval import WITHIN, measure
from eval.statistics import RESAMPLES, SEED, estimate, paired_p_value

DOC = "d" * 64


def question(qid: str, *spans: tuple[int, int], kind: str = "number", answer: tuple[str, ...] = ("16％",)) -> Question:
    evidence = tuple((Evidence(DOC, start, end),) for start, end in spans)
    return Question(qid, "dev", "ja", kind, "lexical", "?", evidence, answer, ())


def place(pid: str, start: int, end: int, text: str = "x" * 300) -> Place:
    return Place(pid, DOC, ((start, end),), text)


PLACES = [place("a", 0, 100), place("b", 100, 200), place("c", 200, 300), place("d", 300, 400)]


def ranked(*ids: str) -> list[Scored]:
    by_id = {p.id: p for p in PLACES}
    return [Scored(by_id[pid], float(10 - i)) for i, pid in enumerate(ids)]


def test_hand_made_rankings_have_their_values() -> None:
    questions = [question("q1", (110, 150)), question("q2", (0, 50), (210, 250)), question("q3", (95, 135))]
    rankings = {"q1": ranked("a", "b", "c"), "q2": ranked("d", "a", "c"), "q3": ranked("a", "b")}
    values = measure(questions, rankings, PLACES)
    assert values["RR"] == {"q1": 0.5, "q2": 0.5, "q3": 0.5}
    assert values["R@1"] == {"q1": 0, "q2": 0, "q3": 0}
    assert values["R@5"] == {"q1": 1, "q2": 1, "q3": 1}
    ideal = 1 + 1 / math.log2(3)
    assert values["nDCG@10"]["q1"] == pytest.approx(1 / math.log2(3), abs=1e-9)
    assert values["nDCG@10"]["q2"] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal, abs=1e-9)
    assert values[WITHIN] == {"q1": 1, "q2": 1, "q3": 1}


def test_a_question_whose_evidence_no_passage_holds_counts_as_lost() -> None:
    values = measure([question("q", (50, 150))], {"q": ranked("a", "b")}, PLACES)
    assert {name: found["q"] for name, found in values.items()} == dict.fromkeys(values, 0.0)


def test_a_question_that_found_nothing_counts_as_lost() -> None:
    assert measure([question("q", (0, 50))], {"q": []}, PLACES)["nDCG@10"] == {"q": 0.0}


def test_the_crossing_hit_counts_whole_and_the_next_does_not() -> None:
    long = [place(f"p{i}", 1000 * i, 1000 * i + 900, "x" * 900) for i in range(4)]
    ranking = [Scored(p, 9.0 - i) for i, p in enumerate(long)]
    for number, expected in ((2, 1.0), (3, 0.0)):
        asked = question("q", (1000 * number, 1000 * number + 100))
        assert measure([asked], {"q": ranking}, long)[WITHIN]["q"] == expected


@given(st.lists(st.permutations("abcd"), min_size=1, max_size=5), st.sets(st.sampled_from("abcd"), min_size=1))
def test_values_are_those_of_trec_eval(rankings: list[list[str]], relevant: set[str]) -> None:
    starts = {p.id: p.spans[0][0] for p in PLACES}
    asked = [question(f"q{i}", *((starts[r], starts[r] + 10) for r in sorted(relevant))) for i in range(len(rankings))]
    ours = measure(asked, {q.id: ranked(*r) for q, r in zip(asked, rankings, strict=True)}, PLACES)
    qrels = {q.id: dict.fromkeys(relevant, 1) for q in asked}
    run = {q.id: {pid: 10.0 - i for i, pid in enumerate(r)} for q, r in zip(asked, rankings, strict=True)}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recip_rank", "recall.1,5"}).evaluate(run)
    for qid, expected in theirs.items():
        for name, other in (("nDCG@10", "ndcg_cut_10"), ("RR", "recip_rank"), ("R@1", "recall_1"), ("R@5", "recall_5")):
            assert ours[name][qid] == pytest.approx(expected[other], abs=1e-9)


def test_intervals_and_p_values_are_scipys() -> None:
    values = [0.0, 1.0, 1.0, 0.5, 0.25, 1.0, 0.0, 1.0]
    found = estimate(values)
    expected = stats.bootstrap(
        (np.array(values),), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(SEED)
    ).confidence_interval
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.mean == np.mean(values)
    others = [0.0, 0.0, 1.0, 0.0, 0.25, 0.0, 0.0, 1.0]
    flips = np.array(np.meshgrid(*[[1, -1]] * 8)).reshape(8, -1).T
    differences = np.array(values) - np.array(others)
    exact = np.mean(np.abs((flips * differences).mean(axis=1)) >= abs(differences.mean()) - 1e-12)
    assert paired_p_value(values, others) == pytest.approx(exact, abs=1e-9)
    assert paired_p_value(values, values) == 1.0
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def answer(text: str | None, *spans: tuple[int, int], confidence: float = 0.9, quote: str = "q") -> dict[str, object]:
    citations = [{"source_sha256": DOC, "spans": [list(span)], "quote": quote} for span in spans]
    return {
        "answer": text,
        "answered": text is not None,
        "citations": citations,
        "confidence": confidence,
        "short_answer": None,
    }


def test_answer_measures_on_hand_made_answers() -> None:
    asked = [question("right", (0, 40)), question("two", (0, 40), (100, 140)), question("none", kind="unanswerable")]
    answers = {
        "right": answer("中国は16%を占める[1]", (5, 40), quote="中" * 35),
        "two": answer("16％[1]", (110, 130), (300, 340), quote="誤"),
        "none": answer(None, confidence=0.1),
    }
    values = measure_answers(asked, answers, {DOC: "中" * 400})
    assert values["contained"] == {"right": 1, "two": 1}
    assert values["citation_precision"] == {"right": 1, "two": 0.5}
    assert values["citation_recall"] == {"right": 1, "two": 0.5}
    assert "both_cited" not in values  # one document holds both
    assert values["quote_exact"] == {"right": 1, "two": 0}
    assert values["refused"] == {"right": 0, "two": 0, "none": 1}
    found = abstention(asked, values)
    assert (found["auroc"], found["f1"], found["refused_answerable"]) == (1, 1, 0)


def test_gold_answers_are_found_in_any_width_and_spelling() -> None:
    assert contains(question("q", (0, 1), answer=("5,784億元",)), "規模は ５７８４億元 だった")
    assert not contains(question("q", (0, 1), answer=("5,784億元",)), "規模は5,785億元だった")
    assert not contains(question("q", (0, 1), answer=("北京", "上海")), "北京だけ")
    assert short_scores(question("q", (0, 1), answer=("北京市",)), "北京市") == (1.0, 1.0)


def test_rank_statistics_on_hand_made_samples() -> None:
    assert auroc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx(3.5 / 4)
    assert calibration_error(np.array([0.95, 0.95, 0.05]), np.array([1.0, 0.0, 0.0])) == pytest.approx(
        0.45 * 2 / 3 + 0.05 / 3
    )
    assert risk_coverage([0.9, 0.8], [1.0, 0.0]) == [(0.5, 0.0), (1.0, 0.5)]


def test_both_documents_must_be_cited_where_two_are_needed() -> None:
    asked = question("two", (0, 40), (100, 140))
    other = replace(asked.evidence[1][0], document="b" * 64)
    asked = replace(asked, evidence=(asked.evidence[0], (other,)))
    found = answer("16％", (5, 40), (110, 130))
    assert measure_answers([asked], {"two": found}, {DOC: "中" * 400})["both_cited"] == {"two": 0}
    found["citations"][1]["source_sha256"] = other.document  # type: ignore[index]
    values = measure_answers([asked], {"two": found}, {DOC: "中" * 400, other.document: "中" * 400})
    assert values["both_cited"] == {"two": 1}
