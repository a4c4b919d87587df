"""Follow-up questions: single rules, and what they find on conversations about the shipped corpus.

`data/followups.jsonl`: the user's turns `before`, the last `question`, whether it `leans` on them, and the `evidence`
that the first 2,000 characters of the top 5 hits must hold. The rules were chosen on the half `tune`.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import ROOT

from api.citations.quotes import squeeze
from api.followup import MOST_CHARACTERS, complete
from api.service import Service

ROWS = [json.loads(line) for line in (ROOT / "tests/data/followups.jsonl").read_text("utf-8").splitlines()]
Way = Callable[[dict[str, Any]], str]


def shares(service: Service, split: str, way: Way) -> dict[bool, float]:
    """Found, of the questions that lean and of those that don't."""
    return {
        leans: sum(finds(service, way(row), row["evidence"]) for row in rows) / len(rows)
        for leans in (True, False)
        if (rows := [row for row in ROWS if row["split"] == split and row["leans"] is leans])
    }


def finds(service: Service, question: str, evidence: str) -> bool:
    shown = "\n".join(hit.passage.text for hit in service.retriever.search(question, 5).hits)[:2000]
    return squeeze(evidence) in squeeze(shown)


def test_the_conversations_are_balanced_and_their_evidence_stands_in_the_corpus(service: Service) -> None:
    assert len(ROWS) == 136
    assert len({row["id"] for row in ROWS}) == 136
    assert [sum(row["leans"] is leans for row in ROWS) for leans in (True, False)] == [68, 68]
    passages = [squeeze(p.text) for d in service.documents() for p in service.index.passages_of(d.doc_id)]
    assert [r["id"] for r in ROWS if not any(squeeze(r["evidence"]) in passage for passage in passages)] == []


def test_the_rules_find_what_neither_way_without_them_finds(service: Service) -> None:
    matches = service.retriever.matches
    ruled = shares(service, "report", lambda row: complete(row["question"], row["before"], matches))
    alone = shares(service, "report", lambda row: row["question"])
    joined = shares(service, "report", lambda row: f"{row['before'][-1]} {row['question']}")
    assert ruled[True] >= 0.93
    assert ruled[False] >= 0.97
    assert ruled[True] > alone[True] + 0.2
    assert ruled[False] > joined[False]


@pytest.mark.parametrize(
    ("before", "question", "asked"),
    [
        (["快手のKlingとは何ですか"], "それはいつ？", "快手 Kling それはいつ？"),
        (["What is Kling?"], "When was it released?", "Kling When was it released?"),
        (["可灵是什么？"], "它是什么时候发布的？", "可灵 它是什么时候发布的？"),
        (["2024年の米国の民間AI投資額はいくらですか"], "中国は？", "2024年の中国の民間AI投資額はいくらですか"),
        (["How large was the market in 2024?"], "And in 2030?", "How large was the market in 2030?"),
        (["快手のKlingとは何ですか"], "なぜ？", "快手 Kling なぜ？"),
        (["What is Kling?", "When was it released?"], "How many users?", "Kling How many users?"),
        (["What is Kling?", "Who founded Neurobo?"], "When was that?", "Neurobo When was that?"),
        (["2024年美国的民间AI投资是多少？"], "中国呢？", "2024年中国的民间AI投资是多少？"),
        (["それは何？"], "いつ？", "それは何？ いつ？"),
        (["米国の投資額は？", "中国は？"], "欧州は？", "欧州の投資額は？"),
    ],
)
def test_a_question_that_leans_is_completed(service: Service, before: list[str], question: str, asked: str) -> None:
    completed = complete(question, before, service.retriever.matches)
    assert " ".join(completed.split()) == asked


@pytest.mark.parametrize(
    "question",
    [
        "露光装置の国産比率は？",
        "MedGPTのパラメータ数は？",
        "低空経済とは何ですか",
        "これまでに北京の薬局で何が自動化されましたか",
        "NAURA?",
        "Why is it hard for Chinese AI models to earn money?",
        "Is there a Shanghai venture fund for AI startups, and how large is it?",
        "光刻机的国产化率是多少？",
        "百度一共投入了多少资金做AI？",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(service: Service, question: str) -> None:
    assert complete(question, ["快手のKlingとは何ですか"], service.retriever.matches) == question
    assert complete("それはいつ？", [], service.retriever.matches) == "それはいつ？"


def test_a_completed_question_is_no_longer_than_a_question_may_be(service: Service) -> None:
    question = "それはいつ？"
    completed = complete(question, ["長い質問" * 500], service.retriever.matches)
    assert len(completed) == MOST_CHARACTERS
    assert completed.endswith(question)
