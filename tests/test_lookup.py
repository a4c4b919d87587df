import random
import unicodedata
from collections.abc import Sequence

import pytest
from conftest import document

from api.lookup import Finder, numbers, stream
from api.service import Service
from ingest.chunk import read_document
from retriever.errors import BadFilter, NotFound
from retriever.filters import Filters


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
        "。",
    ][:-1],
)
def test_what_does_not_stand_there_is_not(finder: Finder, text: str) -> None:
    assert status(finder, text) != "verbatim"


def test_a_near_match_says_whether_the_figures_agree(finder: Finder) -> None:
    found = finder.lookup("2023年末までに、中国のAIコア産業の規模は5,785億元に達した。")
    assert found.status == "near"
    assert not found.matches[0].numbers_agree
    assert "5,784億元" in found.matches[0].quote.text
    assert finder.lookup("zqxj qqq").status == "not_found"


def test_rings_and_raised_figures_do_not_become_plain_ones() -> None:
    assert stream("①5G ² ㎡").text == "①5G²m2"
    assert not stream("① 2024", document("① 2024")).barriers
    assert stream("ｶﾞ ｱｲ").text == stream("ガ アイ").text


def test_true_quotes_survive_wraps_width_and_spacing(finder: Finder, service: Service) -> None:
    """Sentences drawn from all passages, rewrapped, widened and spaced: each is found where it stands."""
    chance = random.Random(7)
    passages = [p for d in service.index.documents() for p in service.index.passages_of(d.doc_id)]
    for passage in chance.sample(passages, 200):
        line = chance.choice([line for line in passage.text.split("\n") if line.strip()])
        start = chance.randrange(max(1, len(line) - 40))
        true = line[start : start + chance.randrange(6, 60)].strip()
        if len(true) < 2 or unicodedata.combining(true[0]):
            continue
        assert status(finder, changed(true, chance)) == "verbatim", true


def changed(text: str, chance: random.Random) -> str:
    """The same words with other wraps, width and spacing."""
    wide = {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}
    out = []
    for character in text:
        out.append(wide.get(character, character) if chance.random() < 0.3 else character)
        if chance.random() < 0.1:
            out.append(chance.choice(["\n", " ", "\u3000", "\n\n"]))
    return "".join(out)


def test_altered_quotes_are_never_verbatim(finder: Finder, service: Service) -> None:
    chance = random.Random(11)
    whole = "\n".join(stream(d.text).text for d in service.index.documents())
    passages = [p for d in service.index.documents() for p in service.index.passages_of(d.doc_id)]
    tried = 0
    while tried < 200:
        text = "".join(chance.choice(passages).text.split())[:40]
        place = chance.randrange(len(text))
        altered = text[:place] + chance.choice("0123456789百億中国京海") + text[place + 1 :]
        if len(text) < 4 or stream(altered).text in whole:
            continue
        tried += 1
        assert status(finder, altered) != "verbatim", altered


def test_filters_hold_for_verbatim_matches_too(finder: Finder) -> None:
    text = "国産比率は1%未満"
    assert finder.lookup(text, filters=Filters(kinds=("prose",))).status == "verbatim"
    assert finder.lookup(text, filters=Filters(kinds=("table",))).status != "verbatim"
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
    assert found.matches[0].similarity > 0.9


def test_a_common_character_is_found_at_once_and_limited(finder: Finder) -> None:
    assert len(finder.lookup("の", 3).matches) == 3


def test_lines_that_cleaning_keeps_apart_are_not_verbatim_together(finder: Finder) -> None:
    for text in ("個人出資5000万ドル周 伯文", "次々と参入自社生成AI発表済み", "代表企業百度、アリババ"):
        assert status(finder, text) != "verbatim", text


def test_numbers_are_compared_without_separators() -> None:
    assert figures("５,７８４億元と16％") == figures("5784億元、16%")
    assert figures("5,784万元") != figures("5,784億元")
    assert figures("7万m²") != figures("7万m2")


def figures(text: str) -> Sequence[str]:
    return numbers(stream(text))


def test_joins_are_recorded_for_wraps_and_not_between_items() -> None:
    text = "長い文が一行に収まらずに次の行に続いていくことを示す例とな\nります。\n\n別の段落です。"
    joins = read_document(document(text))[0].joins
    assert [text[start:end] for start, end in joins] == ["\n"]
