import json
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, document

from ingest.expand import Expansion, attach, check, read_expansions
from ingest.names import glossed_names
from retriever.errors import BadExpansions
from retriever.records import Asked, Document, Passage

ROW = {"document": "1" * 64, "spans": [[0, 10]], "ja": ["何社ですか"], "en": ["How many?"], "zh": ["几家"]}


def write(folder: Path, row: dict[str, Any]) -> Path:
    (folder / "a.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    return folder


def passage(*spans: tuple[int, int]) -> Passage:
    return Passage("p", "doc", (), "prose", "本文", spans)


def expansion(start: int, end: int) -> Expansion:
    return Expansion("1" * 64, ((start, end),), (Asked("ja", f"{start}"),), "a.jsonl:1")


def test_questions_are_read_with_their_languages(tmp_path: Path) -> None:
    (found,) = read_expansions([write(tmp_path, ROW)])["1" * 64]
    assert found.questions == (Asked("ja", "何社ですか"), Asked("en", "How many?"), Asked("zh", "几家"))


def test_a_question_may_say_where_its_answer_lies(tmp_path: Path) -> None:
    row = ROW | {"ja": [{"question": "何社ですか", "answer": [[2, 9]], "short": [[4, 6]]}]}
    (found,) = read_expansions([write(tmp_path, row)])["1" * 64]
    assert found.questions[0] == Asked("ja", "何社ですか", ((2, 9),), ((4, 6),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spans": [[10, 10]]}, r"a\.jsonl:1: spans \[\[10, 10\]\] must be"),
        ({"spans": [["0", 10]]}, r"spans \[\['0', 10\]\] must be"),
        ({"spans": [[5, 9], [0, 3]]}, "in order"),
        ({"spans": []}, "must be"),
        ({"en": "How many?"}, "'en' must be a list of questions"),
        ({"zh": [" "]}, "' ' in 'zh' is no question"),
        ({"zh": [{"question": ""}]}, "is no question"),
        ({"zh": [{"question": "几家", "answers": [[0, 1]]}]}, "is no question"),
        ({"zh": [{"question": "几家", "answer": [[3, 1]]}]}, r"spans \[\[3, 1\]\] of '几家' must be"),
        ({"ko": []}, "the keys must be document, en, ja, spans, zh"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadExpansions, match=message):
        read_expansions([write(tmp_path, ROW | change)])


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{\n", "utf-8")
    with pytest.raises(BadExpansions, match=r"a\.jsonl:1: no valid JSON"):
        read_expansions([tmp_path])


def test_a_span_outside_its_document_is_refused() -> None:
    with pytest.raises(BadExpansions, match="the span 0-99 lies outside doc, which has 3 characters"):
        check([expansion(0, 99)], document("三文字"))


@pytest.mark.parametrize(
    ("spans", "attached"),
    [
        ([(0, 100)], ["0"]),
        ([(0, 50)], ["0"]),
        ([(0, 200)], ["0", "100"]),
        ([(50, 60)], []),
        ([(90, 190)], ["100"]),
        ([(0, 40), (60, 100)], ["0"]),
    ],
)
def test_questions_follow_their_text_when_passages_are_cut_anew(
    spans: list[tuple[int, int]], attached: list[str]
) -> None:
    (found,) = attach([passage(*spans)], {"doc": [expansion(0, 100), expansion(100, 200)]})
    assert [question.text for question in found] == attached


def test_every_shipped_question_belongs_to_a_shipped_document(corpus: dict[str, Document]) -> None:
    expansions = read_expansions([CORPUS / "expansions"])
    documents = {d.source_sha256: d for d in corpus.values()}
    assert expansions.keys() == documents.keys()
    for sha256, found in expansions.items():
        check(found, documents[sha256])
        for languages in ([q.language for q in e.questions] for e in found):
            assert languages.count("ja") >= 6
            assert languages.count("en") >= 3
            assert languages.count("zh") >= 3


def test_names_that_a_text_gives_in_two_scripts() -> None:
    text = "検索大手の百度（Baidu）とファーウェイ（Huawei）、また OpenAI（米国）が、アリババ集団 (Alibaba Group) と"
    assert glossed_names(text) == {"Baidu": "百度", "Huawei": "ファーウェイ"}


@pytest.mark.parametrize("cut", [1, 40, 75, 76, 77])
def test_a_last_line_that_was_broken_off_is_left_out(tmp_path: Path, cut: int) -> None:
    whole = '{"document": "a", "spans": [[0, 1]], "ja": ["何？"], "en": [], "zh": []}\n'.encode()
    (tmp_path / "a.jsonl").write_bytes(whole + whole[:cut])
    assert len(read_expansions([tmp_path])["a"]) == 1 + (cut >= len(whole) - 1)
