"""The benchmark over made-up articles, with the approximate dense arm forced."""

import gzip
import json
from contextlib import closing
from pathlib import Path

import pytest

from eval import scale, windows
from eval.windows import Article, cut
from retriever.embed import StaticModel
from retriever.filters import Filters
from retriever.index import open_index
from retriever.search import Retriever

NOUNS = (
    "工場 寺院 鉄道 大学 半導体 祭り 漫画 神社 医師 選手 映画 古墳 城下町 博物館 港湾 火山 和歌 発電所 銀行 空港"
).split()
PLACES = "京都 大阪 奈良 東京 札幌 福岡 仙台 広島 金沢 長崎".split()


def sentences(number: int) -> list[str]:
    place, noun, year = PLACES[number % 10], NOUNS[number % 20], 1900 + number
    return [f"{place}の{NOUNS[(number + n) % 20]}は{year}年に{n}番目の{noun}として知られた。" for n in range(20)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, numbers in (("jaquad-dev", range(10)), ("jaquad-train", range(10, 20))):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as out:
            for n in numbers:
                row = {"title": f"題{n}", "context": "".join(sentences(n)), "question": f"{1900 + n}年の{NOUNS[n]}は？"}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    with gzip.open(folder / "kyoto-wikipedia-ja-en.jsonl.gz", "wt", encoding="utf-8") as out:
        for n in range(20, 120):
            article = {"title": [f"題{n}", ""], "paragraphs": [{"sentences": [[s, ""] for s in sentences(n)]}]}
            out.write(json.dumps(article, ensure_ascii=False) + "\n")
    return folder


def test_windows_are_distinct_and_stand_in_their_documents() -> None:
    found = list(cut(iter([Article("題", ("一。", "二。", "一。", "二。", "三。"))] * 2), 100))
    ((document, passages),) = found
    assert document.text == "一。二。一。二。三。"
    texts = ["一。二。", "二。一。", "二。三。", "一。二。一。", "二。一。二。", "一。二。三。"]
    assert [p.text for p in passages] == [*texts, "一。二。一。二。", "二。一。二。三。"]
    assert all("".join(document.text[a:b] for a, b in p.spans) == p.text for p in passages)
    assert sum(len(own) for _, own in cut(iter([Article("題", ("一。", "二。", "三。"))]), 2)) == 2


def test_articles_of_the_questions_come_first(data: Path) -> None:
    titles = [article.title for article in windows.articles(data)]
    assert titles[:10] == [f"題{n}" for n in range(10)]
    assert len(set(titles)) == 120
    assert titles == [article.title for article in windows.articles(data)]


@pytest.fixture(scope="module")
def measured(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, scale.Figures]:
    """Four thousand passages: two batches, so that other processes tokenise."""
    home = tmp_path_factory.mktemp("scale")
    return home, scale.measure(data, home, 4000, large=1000)


def test_every_figure_is_measured_and_reported(measured: tuple[Path, scale.Figures]) -> None:
    home, figures = measured
    assert (figures["build"]["passages"], figures["build"]["approximate"]) == (4000, True)
    assert figures["recall"]["recall_at_10"] >= 0.97
    assert figures["change"]["added_passages"] > 20
    assert scale.measured(home) == [figures]
    assert "| passages | 4,000 |" in "\n".join(scale.report([figures]))


def test_what_was_measured_stays(measured: tuple[Path, scale.Figures], tmp_path: Path) -> None:
    """Neither data nor index is touched where all figures are there."""
    home, figures = measured
    assert scale.measure(tmp_path / "nowhere", home, 4000) == figures


def test_filters_hold_in_an_index_with_codes(measured: tuple[Path, scale.Figures], model: StaticModel) -> None:
    with closing(open_index(measured[0] / "4000" / "index", model.name)) as index:
        assert index.segments[0].dense.codes is not None
        retriever = Retriever(index, model)
        best = retriever.search("1904年の半導体工場", 50, "dense").hits  # no passage counts for its neighbours
        wanted = {hit.document.doc_id for hit in best[:20]}
        one = sorted(wanted)[0]
        within = retriever.search("半導体", 50, filters=Filters(doc_ids=(one,))).hits
        assert {hit.document.doc_id for hit in within} == {one}
        aside = [hit.place for hit in best[:5]]
        left = retriever.without(aside).search("1904年の半導体工場", 50, "dense").hits
        assert not {hit.place for hit in left}.intersection(aside)
        assert [hit.place for hit in left[:20]] == [hit.place for hit in best[5:25]]
