"""Building, damage, mismatch: a reader sees the old index or the new one, or a reason."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.build import Outcome, ingest, is_current
from ingest.expand import Expansion
from ingest.load import find_sources, load
from retriever.errors import (
    BadExpansions,
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    NotFound,
    SourceRefused,
)
from retriever.filters import Filters
from retriever.generations import FORMAT, read_manifest, writing
from retriever.index import Index, open_index
from retriever.records import Asked
from retriever.search import Retriever

TEXTS = {
    "robot": "人型ロボットの市場は2030年に1,000億元を超える。薬局でも働いている。",
    "chip": "半導体の輸出規制により、国産チップの開発が進む。",
    "energy": "太陽光と風力の発電量が増えている。",
}


class CountingModel:
    """Each text's vector is its count of three characters; remembers what it was asked for."""

    name = "counting"
    dimensions = 3

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        counts = [[text.count(c) + 0.01 for c in "人半太"] for text in texts]
        vectors = np.array(counts, np.float32).reshape(-1, self.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_queries = encode_passages


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    return folder


def build(root: Path, *paths: Path, model: CountingModel | None = None) -> Outcome:
    return ingest(root, paths, model or CountingModel(), progress=lambda message: None)


def search(root: Path, query: str, filters: Filters = Filters()) -> list[str]:
    index = open_index(root, "counting")
    found = [hit.passage.text for hit in Retriever(index, CountingModel()).search(query, filters=filters).hits]
    index.close()
    return found


def scores(root: Path, query: str) -> dict[str, float]:
    index = open_index(root, "counting")
    found = {hit.passage.text: hit.score for hit in Retriever(index, CountingModel()).search(query).hits}
    index.close()
    return found


def test_an_index_is_built_and_found_again(tmp_path: Path, texts: Path) -> None:
    assert build(tmp_path / "ix", texts).passages == 3
    assert "薬局" in search(tmp_path / "ix", "薬局のロボット")[0]
    assert is_current(tmp_path / "ix", [texts], CountingModel())


def test_unchanged_documents_are_neither_parsed_nor_embedded_again(tmp_path: Path, texts: Path) -> None:
    model = CountingModel()
    build(tmp_path / "ix", texts, model=model)
    model.texts.clear()
    assert build(tmp_path / "ix", texts, model=model).added == ()
    (texts / "new.txt").write_text("新しい文書です。", "utf-8")
    outcome = build(tmp_path / "ix", texts, model=model)
    assert (len(outcome.added), len(outcome.unchanged)) == (1, 3)
    assert len(model.texts) == 1
    assert len(read_manifest(tmp_path / "ix").segments) == 2
    assert len(search(tmp_path / "ix", "文書")) == 4


def test_scores_do_not_depend_on_segments(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "one", texts)
    for name in TEXTS:
        build(tmp_path / "three", texts / f"{name}.txt")
    assert len(read_manifest(tmp_path / "three").segments) == 3
    for query in ("国産チップ", "市場 2030年", "風力"):
        assert scores(tmp_path / "one", query) == scores(tmp_path / "three", query)


def test_many_small_segments_become_one(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "new.txt").write_text(f"第{number}の半導体工場である。", "utf-8")
        outcome = build(tmp_path / "ix", tmp_path / "new.txt")
        assert (len(outcome.added), outcome.passages) == (1, number + 1)
    assert len(read_manifest(tmp_path / "ix").segments) == 4
    index = open_index(tmp_path / "ix", "counting")
    assert sorted(index.passage_counts.values()) == [1] * 12
    assert len(index.documents()) == 12
    index.close()


def test_a_document_with_new_metadata_replaces_the_old_one(tmp_path: Path, texts: Path) -> None:
    manifest = """[[documents]]
id = "robot"
file = "robot.txt"
sha256 = "{}"
title = "{}"
language = "ja"
"""
    sha256 = hashlib.sha256((texts / "robot.txt").read_bytes()).hexdigest()
    for title in ("旧", "新"):
        (texts / "manifest.toml").write_text(manifest.format(sha256, title), "utf-8")
        build(tmp_path / "ix", texts)
    index = open_index(tmp_path / "ix", "counting")
    assert [document.title for document in index.documents()] == ["新"]
    assert len(search(tmp_path / "ix", "ロボット")) == 1
    assert len(index.passages_of("robot")) == 1


def test_a_document_that_returns_to_a_former_text_is_there(tmp_path: Path, texts: Path) -> None:
    """Its segment has the name of the one that was marked as deleted."""
    index, file = tmp_path / "index", texts / "robot.txt"
    sha256 = {text: hashlib.sha256(text.encode()).hexdigest() for text in (TEXTS["robot"], "別の文です。")}
    for text in (TEXTS["robot"], "別の文です。", TEXTS["robot"]):
        file.write_text(text, "utf-8")
        entry = f'id = "robot"\nfile = "robot.txt"\nsha256 = "{sha256[text]}"\ntitle = "題"\nlanguage = "ja"\n'
        (texts / "manifest.toml").write_text(f"[[documents]]\n{entry}", "utf-8")
        ingest(index, [texts], CountingModel(), progress=lambda message: None)
        with closing(open_index(index, "counting")) as opened:
            assert [document.text for document in opened.documents()] == [text]
            assert opened.manifest.passages == len(opened.passages_of("robot")) == 1


def test_a_refused_source_leaves_the_index_as_it_was(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)
    before = (tmp_path / "ix" / "CURRENT").read_text()
    (texts / "bad.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceRefused, match=r"bad\.txt"):
        build(tmp_path / "ix", texts)
    assert (tmp_path / "ix" / "CURRENT").read_text() == before


def test_no_index_is_said_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="tenkyo ingest"):
        open_index(tmp_path / "ix", "counting")


@pytest.mark.parametrize("file", ["store.sqlite", "dense.npy", "postings/passages.npy", "documents.npy"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_any_damage_is_refused_and_repaired_by_ingest(tmp_path: Path, texts: Path, file: str, damage: str) -> None:
    build(tmp_path / "ix", texts)
    path = next((tmp_path / "ix" / "segments").iterdir()) / file
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(IndexDamaged, match=rf"{file}.*tenkyo ingest"):
        open_index(tmp_path / "ix", "counting")
    assert build(tmp_path / "ix", texts).passages == 3
    assert search(tmp_path / "ix", "薬局")


def test_a_document_without_a_passage_is_refused_and_breaks_nothing(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)
    (tmp_path / "url.txt").write_text("https://example.org/a\n", "utf-8")
    with pytest.raises(SourceRefused, match="nothing in it could be shown"):
        build(tmp_path / "ix", tmp_path / "url.txt")
    assert search(tmp_path / "ix", "薬局")


def test_damage_to_one_segment_costs_no_other_its_documents(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts / "robot.txt")
    (tmp_path / "more.txt").write_text("別の文書です。", "utf-8")
    build(tmp_path / "ix", tmp_path / "more.txt")
    first = next(iter(read_manifest(tmp_path / "ix").segments))
    (tmp_path / "ix" / "segments" / first / "documents.npy").write_bytes(b"")
    assert build(tmp_path / "ix", texts / "chip.txt").passages == 3


@pytest.mark.parametrize("content", [b"garbage", b"\xff\xfe", b""])
def test_a_pointer_that_names_nothing_is_refused_and_repaired(tmp_path: Path, texts: Path, content: bytes) -> None:
    build(tmp_path / "ix", texts / "robot.txt")
    (tmp_path / "ix" / "CURRENT").write_bytes(content)
    with pytest.raises(IndexDamaged, match="names no generation"):
        open_index(tmp_path / "ix", "counting")
    assert build(tmp_path / "ix", texts / "chip.txt").passages == 2


@pytest.mark.parametrize("manifest", ["[]", "null", "{"])
def test_any_broken_manifest_is_replaced(tmp_path: Path, texts: Path, manifest: str) -> None:
    build(tmp_path / "ix", texts)
    next((tmp_path / "ix" / "generations").iterdir()).write_text(manifest)
    assert build(tmp_path / "ix", texts).passages == 3
    assert search(tmp_path / "ix", "薬局")


def test_one_content_is_one_document(tmp_path: Path, texts: Path) -> None:
    manifest = '[[documents]]\nid = "robot"\nfile = "robot.txt"\nsha256 = "{}"\ntitle = "題"\nlanguage = "ja"\n'
    sha256 = hashlib.sha256((texts / "robot.txt").read_bytes()).hexdigest()
    (texts / "manifest.toml").write_text(manifest.format(sha256), "utf-8")
    build(tmp_path / "ix", texts)
    assert build(tmp_path / "ix", texts / "robot.txt").added == ()
    other = tmp_path / "other"
    other.mkdir()
    (other / "robot.txt").write_text("別の内容", "utf-8")
    changed = hashlib.sha256((other / "robot.txt").read_bytes()).hexdigest()
    (other / "manifest.toml").write_text(manifest.format(changed), "utf-8")
    with pytest.raises(SourceRefused, match="id 'robot' belongs to another source"):
        build(tmp_path / "ix", texts, other)


def test_a_damaged_manifest_is_refused_and_repaired(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)
    next((tmp_path / "ix" / "generations").iterdir()).write_text("{")
    with pytest.raises(IndexDamaged, match="can't be read"):
        open_index(tmp_path / "ix", "counting")
    assert build(tmp_path / "ix", texts).passages == 3


def test_another_model_or_format_is_refused_with_both_values(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)
    with pytest.raises(IndexMismatch, match="model counting, this program has other"):
        open_index(tmp_path / "ix", "other")
    path = next((tmp_path / "ix" / "generations").iterdir())
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(manifest | {"format": 99}), "utf-8")
    with pytest.raises(IndexMismatch, match=f"format 99, this program reads {FORMAT}"):
        open_index(tmp_path / "ix", "counting")


def test_documents_given_by_path_survive_a_rebuild_for_another_model(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)

    class OtherModel(CountingModel):
        name = "other"

    (tmp_path / "more.txt").write_text("別の文書", "utf-8")
    assert ingest(tmp_path / "ix", [tmp_path / "more.txt"], OtherModel(), progress=lambda m: None).passages == 4


def test_the_generation_before_is_kept_and_older_ones_go(tmp_path: Path, texts: Path) -> None:
    for number in range(4):
        (texts / f"{number}.txt").write_text(f"文書{number}", "utf-8")
        build(tmp_path / "ix", texts)
    names = sorted(path.stem[:6] for path in (tmp_path / "ix" / "generations").iterdir())
    assert names == ["000003", "000004"]


def test_a_second_writer_is_told_who_writes(tmp_path: Path, texts: Path) -> None:
    with writing(tmp_path / "ix"), pytest.raises(IndexBusy, match=r"Process \d+ is writing"):
        build(tmp_path / "ix", texts)


def test_filters_let_through_what_they_say(tmp_path: Path, texts: Path) -> None:
    build(tmp_path / "ix", texts)
    index: Index = open_index(tmp_path / "ix", "counting")
    chip = next(d.doc_id for d in index.documents() if "半導体" in d.text)
    assert search(tmp_path / "ix", "ロボット", Filters(doc_ids=(chip,))) == [TEXTS["chip"]]
    assert search(tmp_path / "ix", "ロボット", Filters(kinds=("table",))) == []
    assert search(tmp_path / "ix", "ロボット", Filters(published_from="2020")) == []
    with pytest.raises(NotFound, match="'nobody'"):
        search(tmp_path / "ix", "ロボット", Filters(doc_ids=("nobody",)))
    with pytest.raises(NotFound, match="'x'"):
        index.passage_by_id("x")


def test_questions_written_for_a_document_are_indexed_and_kept_in_a_rebuild(tmp_path: Path, texts: Path) -> None:
    source = load(find_sources(texts / "chip.txt")[0])
    asked = (Asked("en", "What about semiconductors?"), Asked("ja", "集積回路は？"))
    written = {source.source_sha256: [Expansion(source.source_sha256, ((0, len(source.text)),), asked, "a.jsonl:1")]}
    first = ingest(tmp_path / "ix", [texts], CountingModel(), written, progress=lambda m: None)
    assert search(tmp_path / "ix", "semiconductors")[0] == TEXTS["chip"]
    with closing(open_index(tmp_path / "ix", "counting")) as index:
        questions = next(q for q in map(index.questions_of, range(len(index.alive))) if q.asked)
    assert questions.asked == asked
    assert questions.words == (("セミコンダクタ",), ("集積", "回路"))
    again = ingest(tmp_path / "ix", [texts], CountingModel(), written, progress=lambda m: None)
    assert again.generation == first.generation
    without = ingest(tmp_path / "ix", [texts], CountingModel(), progress=lambda m: None)
    assert without.added == (source.doc_id,)


def test_a_span_that_no_longer_holds_is_refused_and_the_index_stays(tmp_path: Path, texts: Path) -> None:
    first = build(tmp_path / "ix", texts)
    source = load(find_sources(texts / "chip.txt")[0])
    written = {source.source_sha256: [Expansion(source.source_sha256, ((0, 9999),), (), "a.jsonl:1")]}
    with pytest.raises(BadExpansions, match=r"a\.jsonl:1: the span 0-9999 lies outside"):
        ingest(tmp_path / "ix", [texts], CountingModel(), written, progress=lambda m: None)
    assert read_manifest(tmp_path / "ix").generation == first.generation


def test_names_that_a_document_glosses_go_with_it(tmp_path: Path, texts: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    manifest = '[[documents]]\nid = "own"\nfile = "own.txt"\nsha256 = "{}"\ntitle = "題"\nlanguage = "ja"\n'

    def take_in(text: str) -> dict[str, str]:
        (own / "own.txt").write_text(text, "utf-8")
        (own / "manifest.toml").write_text(manifest.format(hashlib.sha256(text.encode()).hexdigest()), "utf-8")
        build(tmp_path / "ix", own)
        index = open_index(tmp_path / "ix", "counting")
        names = index.names
        index.close()
        return names

    assert take_in("鷺沼電機（Saginuma）は新しい工場を建てた。") == {"Saginuma": "鷺沼電機"}
    assert take_in("新しい工場が建った。") == {}


def test_a_question_is_compared_with_those_written_in_its_language(tmp_path: Path, texts: Path) -> None:
    source, model = load(find_sources(texts / "chip.txt")[0]), CountingModel()
    asked = (Asked("zh", "太太"), Asked("en", "人"), Asked("ja", "半"), Asked("en", "人太"))
    written = {source.source_sha256: [Expansion(source.source_sha256, ((0, len(source.text)),), asked, "a.jsonl:1")]}
    ingest(tmp_path / "ix", [texts], model, written, progress=lambda m: None)
    with closing(open_index(tmp_path / "ix", "counting")) as index:
        (place,) = np.flatnonzero(index.expanded).tolist()
        found = [
            index.find({"words": {"半導体": 1.0}}, model.encode_queries(["半"])[0], language, Filters())
            for language in ("ja", "en", "zh", "ko")
        ]
        vectors = index.questions_of(place).vectors
    cosines = [one.scored.scores[one.scored.arms.index("asked_dense")] for one in found]
    nearest = [float(own[list(one.places).index(place)]) for one, own in zip(found, cosines, strict=True)]
    assert nearest == pytest.approx([1.0, 0.02, 0.02, 1.0], abs=0.02)
    assert vectors == pytest.approx(model.encode_queries([question.text for question in asked]))
