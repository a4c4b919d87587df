"""Kept answers after their documents changed: real ingests, one after the other."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS

from api import schemas
from api.answers.candidates import split_passage
from api.citations.quotes import squeeze
from api.kept import KeptAnswers
from api.recheck import recheck
from api.service import Service
from ingest import build
from retriever.embed import StaticModel
from retriever.generations import publish, read_manifest
from retriever.index import open_index

SEMINAR = "004_17361f999aa8c8f0"
QUESTION = "露光装置の国産比率は？"
TEXT = "第1章の報告です。\n人型ロボットの市場は5億元です。\n2024年の統計によります。\n"
QUOTE = "人型ロボットの市場は5億元です。"


def service_of(home: Path, model: StaticModel, text: str, doc_id: str = "own") -> Service:
    """With a document taken in under an id of its own, as a new version where it is there already."""
    folder = home / "files"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.txt").write_text(text, "utf-8", newline="")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    entry = f'id = "{doc_id}"\nfile = "own.txt"\nsha256 = "{sha256}"\ntitle = "報告"\nlanguage = "ja"\n'
    (folder / "manifest.toml").write_text(f"[[documents]]\n{entry}", "utf-8")
    build.ingest(home / "index", [folder], model, progress=lambda message: None)
    return Service(open_index(home / "index", model.name), model, KeptAnswers(home / "answers.sqlite"))


def answer_of(source: str, quote: str, spans: Sequence[tuple[int, int]], **changed: Any) -> schemas.AnswerOut:
    """One sentence with one citation of the document `own`."""
    place = {"spans": list(spans), "citation": 1}
    citation = {
        "number": 1, "passage_id": "own.0-9", "doc_id": "own", "title": "報告", "section": [], "page": None,
        "published": None, "source_note": None, "quote": quote, "spans": list(spans), "url": "/documents/own#0-1",
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
    }  # fmt: skip
    sentence = {
        "text": quote, "start": 0, "end": len(quote), "citations": [1], "support": "verbatim",
        "parts": [{"text": quote, "kind": "quote", **place}],
    }  # fmt: skip
    body: dict[str, Any] = {
        "answer_id": "ans_1", "question": "？", "language": "ja", "answered": True, "answer": f"{quote}[1]",
        "answer_language": "ja", "short_answer": None, "sentences": [sentence], "citations": [citation],
        "disagreements": [], "confidence": 1.0, "abstention": None, "mode": "extractive", "degraded": None,
        "index_generation": "1", "created": datetime(2026, 1, 2, tzinfo=UTC), "timings_ms": {},
    }  # fmt: skip
    return schemas.AnswerOut.model_validate(body | changed)


def places(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Of all characters but white space."""
    return [i for start, end in spans for i in range(start, end) if not text[i].isspace()]


def rechecked(home: Path, model: StaticModel, then: str, now: str, quote: str = QUOTE) -> schemas.CitationOut:
    """The citation of a quote that stood in the text `then`, after that of `now` took its place."""
    start = then.index(quote)
    answer = answer_of(then, quote, [(start, start + len(quote))])
    service_of(home, model, then).close()
    with closing(service_of(home, model, now)) as own:
        return recheck(answer, own.index).citations[0]


def test_a_real_answer_is_followed_through_a_new_version_of_its_document(tmp_path: Path, model: StaticModel) -> None:
    then = (CORPUS / f"{SEMINAR}.txt").read_text("utf-8")
    with closing(service_of(tmp_path, model, then, SEMINAR)) as own:
        kept = own.ask(schemas.AskIn(question=QUESTION)).answer_id or ""
        before = own.answer(kept).citations[0]
        assert (before.status, before.now) == ("intact", None)
    with closing(service_of(tmp_path, model, "前書きが加わりました。\n" + then, SEMINAR)) as own:
        moved = own.answer(kept).citations[0]
        text = own.index.document(SEMINAR).text
        assert (moved.status, moved.spans) == ("moved", before.spans)
        assert moved.now
        assert [(a - 12, b - 12) for a, b in moved.now.spans] == moved.spans
        assert squeeze("".join(text[a:b] for a, b in moved.now.spans)) == squeeze(moved.quote)
        assert moved.now.source_sha256 == own.index.document(SEMINAR).source_sha256 != moved.source_sha256
        assert moved.now.url == f"/documents/{SEMINAR}#{moved.now.spans[0][0]}-{moved.now.spans[0][1]}"
    with closing(service_of(tmp_path, model, then.replace("1%未満", "2%未満"), SEMINAR)) as own:
        changed = own.answer(kept).citations[0]
        assert (changed.status, changed.now) == ("changed", None)
    with closing(service_of(tmp_path, model, then, SEMINAR)) as own:
        assert own.answer(kept).citations[0] == before


def test_the_nearest_places_of_an_abstention_are_checked_too(tmp_path: Path, model: StaticModel) -> None:
    with closing(service_of(tmp_path, model, TEXT)) as own:
        asked = own.ask(schemas.AskIn(question="カレーの作り方"))
        assert asked.abstention
        nearest = own.answer(asked.answer_id or "").abstention
        assert nearest
        assert {citation.status for citation in nearest.nearest} == {"intact"}
    with closing(service_of(tmp_path, model, "すべて書き改めました。\n")) as own:
        nearest = own.answer(asked.answer_id or "").abstention
        assert nearest
        assert {citation.status for citation in nearest.nearest} == {"changed"}


def test_a_deleted_document_is_missing(tmp_path: Path, model: StaticModel) -> None:
    service_of(tmp_path, model, TEXT).close()
    manifest = read_manifest(tmp_path / "index")
    (segment,) = manifest.segments
    publish(tmp_path / "index", manifest.segments, {segment: ["own"]}, manifest.versions, {}, 0)
    answer = answer_of(TEXT, QUOTE, [(10, 10 + len(QUOTE))])
    with closing(open_index(tmp_path / "index", model.name)) as index:
        assert recheck(answer, index).citations[0].status == "missing"


@pytest.mark.parametrize(
    ("now", "status", "start"),
    [
        (TEXT + "追記。\n", "intact", 10),  # the text is another, the place is not
        ("序。\n" + TEXT, "moved", 13),
        (TEXT.replace("人型ロボットの市場は", "人型ロボットの\n市場は "), "moved", 10),
        (TEXT.replace("5億", "6億"), "changed", None),
        (TEXT.replace(QUOTE, ""), "changed", None),
    ],
)
def test_a_quote_stands_or_moves_or_goes(
    tmp_path: Path, model: StaticModel, now: str, status: str, start: int | None
) -> None:
    found = rechecked(tmp_path, model, TEXT, now)
    assert (found.status, found.now and found.now.spans[0][0]) == (status, start)


def test_of_two_places_that_say_it_the_nearest_is_named(tmp_path: Path, model: StaticModel) -> None:
    twice = f"{QUOTE}\n\n中ほどにある文です。\n\n{QUOTE}\n"
    start = twice.rindex(QUOTE)
    answer = answer_of(twice, QUOTE, [(start, start + len(QUOTE))])
    with closing(service_of(tmp_path, model, twice)) as own:
        assert recheck(answer, own.index).citations[0].status == "intact"
    with closing(service_of(tmp_path, model, "前。\n" + twice)) as own:
        both = recheck(answer, own.index).citations[0]
        assert (both.status, both.now and both.now.spans) == ("moved", [(start + 3, start + 3 + len(QUOTE))])
    with closing(service_of(tmp_path, model, twice[:start])) as own:
        other = recheck(answer, own.index).citations[0]
        assert (other.status, other.now and other.now.spans) == ("moved", [(0, len(QUOTE))])


@pytest.mark.parametrize(
    ("quote", "then", "now"),
    [
        ("売上は5", "売上は5\n以上。", "売上は50\n以上。"),
        ("売上は5", "売上は5\n以上。", "売上は5.5\n以上。"),
        ("売上は5", "売上は5\n以上。", "売上は5億\n以上。"),
        ("5社である。", "約5社である。", "約15社である。"),
        ("5社である。", "約5社である。", "約1,5社である。"),
        ("提供元はQwen", "提供元はQwen\n以上。", "提供元はQwen3\n以上。"),
    ],
)
def test_a_figure_that_grew_at_a_quotes_edge_has_changed(
    tmp_path: Path, model: StaticModel, quote: str, then: str, now: str
) -> None:
    assert rechecked(tmp_path, model, then, now, quote).status == "changed"


@pytest.mark.parametrize(("kind", "beginning"), [("table", "001"), ("prose", "000")])
def test_a_quote_whose_pieces_lie_apart_is_found_again(
    tmp_path: Path, model: StaticModel, kind: str, beginning: str
) -> None:
    """A row that takes a cell from the row above; a sentence with a URL in its middle."""
    then = next(CORPUS.glob(f"{beginning}*.txt")).read_text("utf-8")
    with closing(service_of(tmp_path, model, then)) as own:
        document, passages = own.index.document("own"), own.index.passages_of("own")
        shown = (quote for p in passages if p.kind == kind for _, quote in split_passage(p, document))
        apart = next(quote for quote in shown if squeeze(quote.text) not in squeeze(then))
    with closing(service_of(tmp_path, model, "前書き。\n" + then)) as own:
        answer = recheck(answer_of(then, apart.text, apart.spans), own.index)
        now = answer.citations[0].now
        assert answer.citations[0].status == "moved"
        assert now
        text = own.index.document("own").text
        assert [place - 5 for place in places(text, now.spans)] == places(then, apart.spans)
    with closing(service_of(tmp_path, model, then[: apart.spans[-1][0]])) as own:
        assert recheck(answer, own.index).citations[0].status == "changed"


def test_what_is_shown_of_a_quote_must_stand_like_it(tmp_path: Path, model: StaticModel) -> None:
    spans = [(10, 10 + len(QUOTE))]
    short = {"text": "5億元", "citation": 1, "spans": [(20, 23)], "gloss": None}
    wrong = short | {"text": "6億元"}
    with closing(service_of(tmp_path, model, TEXT)) as own:
        assert recheck(answer_of(TEXT, QUOTE, spans, short_answer=short), own.index).citations[0].status == "intact"
        assert recheck(answer_of(TEXT, QUOTE, spans, short_answer=wrong), own.index).citations[0].status == "changed"
    with closing(service_of(tmp_path, model, "序。\n" + TEXT)) as own:
        assert recheck(answer_of(TEXT, QUOTE, spans, short_answer=short), own.index).citations[0].status == "moved"
        assert recheck(answer_of(TEXT, QUOTE, spans, short_answer=wrong), own.index).citations[0].status == "changed"
