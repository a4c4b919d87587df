import json
from pathlib import Path
from typing import Any

import pytest
from conftest import document

from eval.errors import BadQuestions
from eval.questions import FOLDER, read_questions
from retriever.records import Document

SOURCE = document("Galbotは北京の10以上の薬局で働く。")
GOOD: dict[str, Any] = {
    "id": "q1",
    "split": "dev",
    "language": "ja",
    "type": "number",
    "style": "lexical",
    "question": "何店の薬局で働くか",
    "evidence": [[{"document": SOURCE.source_sha256, "start": 10, "end": 18, "quote": "10以上の薬局で"}]],
    "answer": ["10以上"],
    "accepted": [],
}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text(text, "utf-8")
    return path


def test_a_good_line_is_read(tmp_path: Path) -> None:
    (question,) = read_questions(written(tmp_path, GOOD), [SOURCE])
    assert question.answerable
    assert question.evidence[0][0].start == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "opinion"}, "type 'opinion' is none of"),
        ({"evidence": []}, "evidence is needed"),
        ({"type": "unanswerable"}, "evidence is needed"),
        (
            {"evidence": [[{**GOOD["evidence"][0][0], "document": "f" * 64}]]},
            "no indexed document has the SHA-256 ffff",
        ),
        (
            {"evidence": [[{**GOOD["evidence"][0][0], "quote": "20以上の薬局で"}]]},
            "doesn't hold '20以上の薬局で' at 10-18",
        ),
        ({"extra": 1}, "keys must be"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = written(tmp_path, GOOD, GOOD | {"id": "q2"} | change)
    with pytest.raises(BadQuestions) as error:
        read_questions(path, [SOURCE])
    assert str(error.value).startswith(f"{path}:2: ")
    assert message in str(error.value)


def test_broken_empty_and_doubled_files_are_refused(tmp_path: Path) -> None:
    for lines, message in (
        (["{"], "no valid JSON"),
        ([], "holds no questions"),
        ([GOOD, GOOD], "id 'q1' stands in line 1 already"),
    ):
        with pytest.raises(BadQuestions, match=message):
            read_questions(written(tmp_path, *lines), [SOURCE])
    with pytest.raises(BadQuestions, match="can't be read"):
        read_questions(tmp_path / "gone.jsonl", [SOURCE])


def test_the_question_sets_are_as_large_as_they_should_be(corpus: dict[str, Document]) -> None:
    sets = {split: read_questions(FOLDER / f"{split}.jsonl", list(corpus.values())) for split in ("dev", "test")}
    for split, questions in sets.items():
        assert {question.split for question in questions} == {split}
        answerable = [q for q in questions if q.answerable]
        counts = {language: sum(q.language == language for q in answerable) for language in ("ja", "en", "zh")}
        assert counts["ja"] >= 200
        assert counts["en"] >= 100
        assert counts["zh"] >= 100
        assert sum(q.style == "paraphrase" for q in answerable) >= 0.6 * len(answerable)
    everything = [q for questions in sets.values() for q in questions]
    assert sum(not q.answerable for q in everything) >= 80
    assert sum(len(q.evidence) == 2 for q in everything) >= 40
    assert len({q.id for q in everything}) == len(everything)


def test_no_evidence_lies_in_both_splits(corpus: dict[str, Document]) -> None:
    """The splits are divided by section or slide: no place of one overlaps a place of the other."""
    places = {
        split: [
            evidence
            for question in read_questions(FOLDER / f"{split}.jsonl", list(corpus.values()))
            for group in question.evidence
            for evidence in group
        ]
        for split in ("dev", "test")
    }
    for a in places["dev"]:
        for b in places["test"]:
            assert a.document != b.document or a.end <= b.start or b.end <= a.start
