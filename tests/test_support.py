"""The check of generated sentences: by kind of fault in test_generate.py, by the hundred here."""

import json
from pathlib import Path

import pytest

from api.answers.polarity import is_denied, is_turned
from api.answers.support import check
from api.service import Service
from eval.errors import BadQuestions
from eval.support import read_claims, refused

SHARE_CAUGHT, SHARE_LOST = 0.74, 0.16
"""Measured on dev: 0.772 of the faulty sentences refused, and 0.133 of the true ones."""


def test_most_faults_are_caught_and_few_true_sentences_lost(service: Service) -> None:
    claims = read_claims("dev")
    found = refused(claims, service.retriever)
    faulty = [was for claim, was in zip(claims, found, strict=True) if claim.fault]
    true = [was for claim, was in zip(claims, found, strict=True) if not claim.fault]
    assert sum(faulty) / len(faulty) >= SHARE_CAUGHT
    assert sum(true) / len(true) <= SHARE_LOST


def test_claims_keep_their_places_apart(service: Service) -> None:
    lengths = {document.source_sha256: len(document.text) for document in service.index.documents()}
    places = {split: {(c.document, c.place) for c in read_claims(split)} for split in ("dev", "test")}
    assert not places["dev"] & places["test"]
    assert all(0 <= start < end <= lengths[sha] for sha, (start, end) in places["dev"] | places["test"])


def test_a_broken_claim_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_text(json.dumps({"split": "dev"}) + "\n", "utf-8")
    with pytest.raises(BadQuestions, match=r"claims\.jsonl:1: no claim"):
        read_claims("dev", path)


def test_evidence_is_the_fewest_sentences_that_hold_what_is_said(service: Service) -> None:
    hits = service.retriever.search("2023年末時点の中国のAIコア産業の規模").hits
    sentence = "2023年末までに中国のAIコア産業の規模は5,784億元に達した。"
    verdict = check(sentence, "ja", hits, service.retriever)
    assert verdict.faults == ()
    assert len(verdict.evidence) == 1
    assert "5,784億元" in verdict.evidence[0].text


def test_nothing_cited_is_a_fault(service: Service) -> None:
    assert check("規模は5,784億元に達した。", "ja", (), service.retriever).faults == ("citation",)


@pytest.mark.parametrize(
    ("text", "language", "denied"),
    [
        ("実用レベルに達していない", "ja", True),
        ("だけでなく、医療にも使われる", "ja", False),
        ("欠かせない技術である", "ja", False),
        ("少ない費用で済む", "ja", False),
        ("尚未达到实用水平", "zh", True),
        ("不仅用于医疗", "zh", False),
        ("It has not reached that level", "en", True),
        ("not only in medicine", "en", False),
    ],
)
def test_denials(text: str, language: str, denied: bool) -> None:
    assert is_denied(text, language) == denied


@pytest.mark.parametrize(
    ("sentence", "clause", "turned"),
    [
        ("投稿数は減少した", "投稿数は増加した", True),
        ("submissions fell", "投稿数は増加した", True),
        ("投稿数は増加した", "投稿数は大きく伸びた", False),
        ("不到1000家", "1,000社以上", True),
        ("more than 1,000 firms", "1,000社以上", False),
    ],
)
def test_turned_directions(sentence: str, clause: str, turned: bool) -> None:
    assert is_turned(sentence, clause) == turned


@pytest.mark.parametrize(
    ("figure", "is_wrong"),
    [("about 580 billion yuan", False), ("about 600 billion yuan", True), ("578.4 billion dollars", True)],
)
def test_a_rounded_figure_is_no_fault(service: Service, figure: str, is_wrong: bool) -> None:
    sentence = f"By the end of 2023 the scale of China's core AI industry had reached {figure}."
    hits = service.retriever.search("2023年末時点の中国のAIコア産業の規模").hits[:1]
    assert ("figure" in check(sentence, "en", hits, service.retriever).faults) == is_wrong
