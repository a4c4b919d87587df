import random

import pytest
from conftest import document
from drawn import (
    alter_character,
    alter_figure,
    alter_name,
    changed,
    corpus_oracle,
    draw_altered,
    draw_true,
    plain,
    without_format_characters,
)

from api.citations.lookup import Finder
from api.citations.quotes import squeeze
from api.service import Service
from ingest.chunk import read_document
from retriever.errors import BadFilter, NotFound
from retriever.filters import Filters

DRAWN = 1000


def status(finder: Finder, text: str) -> str:
    return finder.lookup(text).status


@pytest.fixture(scope="module")
def finder(service: Service) -> Finder:
    return service.finder


@pytest.mark.parametrize(
    "text",
    [
        "2023年末までに、中国のAIコア産業※の規模は5,784億元に達した。",
        "２０２３年末までに、中国のＡＩコア産業※の規模は５,７８４億元に達した。",
        "2023年末までに、\n中国の AI コア産業※の 規模は5,784億元に達した。",
        "世界人工知能大会（WAIC2025）は、中国におけるAI産業の急速な発展と最新トレンドを示す",
        "診察同行まで同時並行でこなし、1億人以上のユーザーに健康管理サービスを提供している",
        "2\t2016年4月",
        "17.16\n17.31",
        "美团",
        "初めて7万m2超",
        "超特高压送電ネットワーク",
        "👉",
        "。",
    ],
)
def test_what_stands_in_a_source_is_verbatim(finder: Finder, text: str) -> None:
    assert status(finder, text) == "verbatim"


@pytest.mark.parametrize(
    "text",
    [
        "22016年4月",
        "17.1617.31",
        "2023年末までに、中国のAIコア産業※の規模は5,785億元に達した。",
        "1基盤コンピューティングとソフトウェア・プラットフォーム",
        "百度度",
        "存在しない文字列です",
        "個人出資5000万ドル周 伯文",
        "次々と参入自社生成AI発表済み",
        "代表企業百度、アリババ",
        "初めて7万m",
        "deepseek-r1",
        "“美团”",
        "\ud800",
    ],
)
def test_what_does_not_stand_there_is_not(finder: Finder, text: str) -> None:
    assert status(finder, text) != "verbatim"


# 1,000 true quotes and 1,000 altered ones


def test_true_quotes_survive_wraps_width_and_spacing(finder: Finder, service: Service) -> None:
    chance = random.Random(7)
    sources = [(d, service.index.passages_of(d.doc_id)) for d in service.index.documents()]
    drawn = [draw_true(chance, *sources[number % len(sources)]) for number in range(DRAWN)]
    assert sum(len(squeeze(text)) <= 3 for text in drawn) > DRAWN / 5
    assert max(map(len, drawn)) > 150
    pasted = [changed(text, chance) for text in drawn]
    lost = [
        f"{true!r}\n  pasted as {text!r}"
        for true, text in zip(drawn, pasted, strict=True)
        if not is_found(finder, text)
    ]
    assert not lost, "not verbatim:\n" + "\n".join(lost)


def is_found(finder: Finder, text: str) -> bool:
    """Verbatim, and each match shows what was pasted."""
    found = finder.lookup(text)
    shown = {plain(match.quote.text) for match in found.matches}
    return found.status == "verbatim" and shown == {plain(without_format_characters(text))}


def test_altered_quotes_are_never_verbatim(finder: Finder, service: Service) -> None:
    chance = random.Random(11)
    sources = [(d, service.index.passages_of(d.doc_id)) for d in service.index.documents()]
    stands = corpus_oracle([source for source, _ in sources])
    alterations = [alter_character, alter_figure, alter_name]
    wrong: list[str] = []
    for number in range(DRAWN):
        true, text = draw_altered(chance, sources, alterations[number % 3], stands)
        found = finder.lookup(text)
        if found.status == "verbatim" or any(match.similarity == 1 for match in found.matches):
            wrong.append(f"{true!r}\n  altered to {text!r}\n  found in {found.matches[0].quote.text!r}")
    assert not wrong, "verbatim, though altered:\n" + "\n".join(wrong)


# What else a lookup promises


def test_a_figure_that_is_but_part_of_another_stands_there_and_does_not_agree(finder: Finder) -> None:
    cut = finder.lookup("784億元").matches[0]
    assert (cut.quote.text, cut.similarity, cut.numbers_agree) == ("784億元", 1.0, False)
    assert finder.lookup("5,784億").matches[0].numbers_agree
    assert all(match.numbers_agree for match in finder.lookup("30%").matches)
    agreeing = [match.numbers_agree for match in finder.lookup("0%", 50).matches]
    assert agreeing == sorted(agreeing, reverse=True)


def test_filters_hold_for_all_matches(finder: Finder) -> None:
    text = "国産比率は1%未満"
    assert finder.lookup(text, filters=Filters(kinds=("prose",))).status == "verbatim"
    assert finder.lookup(text, filters=Filters(kinds=("table",))).status != "verbatim"
    for asked in ("露光装置の国産比率は1%未満", "3割", "30%"):
        for filters in (Filters(kinds=("prose",)), Filters(doc_ids=("003_a897999b9502ea09",))):
            for match in finder.lookup(asked, 50, filters).matches:
                assert filters.pass_document(match.document)
                assert not filters.kinds or (match.passage and match.passage.kind == "prose")
    with pytest.raises(BadFilter):
        finder.lookup(text, filters=Filters(kinds=("nonsense",)))
    with pytest.raises(NotFound):
        finder.lookup(text, filters=Filters(doc_ids=("nonsense",)))


@pytest.mark.parametrize("length", [200, 600, 1500])
def test_a_long_paste_with_one_wrong_character_is_near(finder: Finder, service: Service, length: int) -> None:
    source = service.index.document("004_17361f999aa8c8f0").text
    pasted = source[1000 : 1000 + length]
    altered = pasted[: length // 2] + "〓" + pasted[length // 2 + 1 :]
    found = finder.lookup(altered)
    assert found.status == "near"
    assert found.matches[0].similarity > 0.95


def test_a_common_character_is_limited(finder: Finder) -> None:
    assert len(finder.lookup("の", 3).matches) == 3


@pytest.mark.parametrize(
    "text", [" ", "\n\t", "\u200b", "\u200e\u202e ", "zqxj qqq", "😀", "あ" * 2000, "，" * 2000, "12" * 1000]
)
def test_what_nobody_said_is_not_found(finder: Finder, text: str) -> None:
    assert finder.lookup(text).status == "not_found"


def test_a_document_is_folded_once(finder: Finder) -> None:
    assert finder.folded() is finder.folded()
    assert Finder(finder.retriever).folded()[0].loose is finder.folded()[0].loose  # for the next generation, too


def test_joins_are_recorded_for_wraps_and_not_between_items() -> None:
    text = "長い文が一行に収まらずに次の行に続いていくことを示す例とな\nります。\n\n別の段落です。"
    joins = read_document(document(text))[0].joins
    assert [text[start:end] for start, end in joins] == ["\n"]
