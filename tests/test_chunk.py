"""The promises of passages, over the whole corpus and over made-up documents."""

import re
import sys

import pytest
from conftest import document
from hypothesis import given, settings
from hypothesis import strategies as st

from api.citations.quotes import prove, squeeze
from ingest.chunk import MOST_CHARACTERS, MOST_TOKENS, count_tokens, encoding, read_document
from ingest.clean import find_furniture
from retriever.records import Document, Passage

FURNITURE_LIMITS = {"000": 0.30, "001": 0.01, "002": 0.04, "003": 0.01, "004": 0.01}


def check(source: Document, passages: list[Passage]) -> None:
    """Span rule, budgets, and nothing lost: what must hold for any text."""
    covered: set[int] = set()
    for passage in passages:
        prove(source, passage.text, passage.spans)
        assert len(passage.text) <= MOST_CHARACTERS
        assert count_tokens(passage.text) <= MOST_TOKENS
        covered.update(i for start, end in passage.spans for i in range(start, end))
    furniture = {i for f in find_furniture(source.text) for i in range(*f.span)}
    lost = [i for i, c in enumerate(source.text) if not c.isspace() and i not in covered and i not in furniture]
    assert lost == [], f"lost: {source.text[lost[0] : lost[0] + 20]!r} at {lost[0]}"


@pytest.mark.parametrize("key", FURNITURE_LIMITS)
def test_every_character_that_is_not_furniture_lies_in_a_passage(key: str, corpus: dict[str, Document]) -> None:
    source = corpus[key]
    check(source, read_document(source)[1])
    furniture = find_furniture(source.text)
    for found in furniture:
        shown = source.text[found.span[0] : found.span[1]][:60]
        sys.stdout.write(f"{key} {found.rule} {found.span}: {shown!r}\n")
    share = sum(len(squeeze(source.text[f.span[0] : f.span[1]])) for f in furniture) / len(source.text)
    assert share <= FURNITURE_LIMITS[key]


pieces = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            "中国のAIコア産業の規模は5,784億元に達した。",
            "人型ロボットの市場は、2030年には1,000億元を超えると予測されています",
            "\n", "\n\n", "\t", " ", "\u3000", "。\n", "し、", "42\n\n48 49\n\n50\n\nhttps://example.org/x%20y\n",
            " Deep Research\n", "\uf06c", "• 項目", "👉 ", "ｱｲﾌﾗｲﾃｯｸ ﾊﾟﾋﾟ", "か\u3099", "𠮷野", "①", "²",
            "No.\t年\t名\n1\t2023\t北京\n\t2024\t上海\n", "社名\t製品\t社名\t製品\n", "a\tb\n",
            "\t".join("列" * 400) + "\nx\ty\n",
            "題\r\n本文\r\n", "【1-1】章\n", "（参考）\n", "あ" * 700, "x" * 700,
        ]
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=30).map("".join))
def test_the_promises_hold_for_any_text(text: str) -> None:
    source = document(text)
    check(source, read_document(source)[1])


def passage_with(passages: list[Passage], text: str) -> Passage:
    return next(passage for passage in passages if text in passage.text)


def test_the_definition_behind_a_url_is_kept(corpus: dict[str, Document]) -> None:
    passages = read_document(corpus["002"])[1]
    found = passage_with(passages, "※低空経済とは、1000メートル以下の低い高度の空域")
    assert "人や物の輸送やそのほかの作業を行う形態の経済活動を指す。" in found.text
    assert "https://" not in found.text


def test_the_sentence_that_a_block_of_urls_splits_is_whole(corpus: dict[str, Document]) -> None:
    passages = read_document(corpus["000"])[1]
    found = passage_with(
        passages, "診察同行まで同時並行でこなし、1億人以上のユーザーに健康管理サービスを提供している。"
    )
    assert len(found.spans) == 2
    assert "Deep Research" not in "".join(passage.text for passage in passages)


CELLS = [
    (("第2回の審査登録を通過した企業と製品モデル名称(11件)", "製品名"), "(未公表)"),
    (("第2回の審査登録を通過した企業と製品モデル名称(11件)", "社名"), "美团"),
    (("第1回の審査登録を通過した企業と製品モデル名称(14件)", "製品名"), "文心一言"),
    (("第3回及び第4回の審査登録を通過した企業と製品モデル名称(23件)", "製品名"), "孟子GPT"),
    (("第5回の審査登録を通過した企業と製品モデル名称(19件)", "製品名"), "DeepseekChat"),
    (("公布時間",), "2016年4月"),
    (("公布機関名称",), "工信部、発改委、科技部、財政部"),
    (("産業チェーン",), "下流応用"),
    (("米国",), "1,091億ドル(71.7%)"),
    (("省・市名",), "寧夏自治区"),
]


@pytest.mark.parametrize(("columns", "text"), CELLS)
def test_a_cell_knows_its_column(columns: tuple[str, ...], text: str, corpus: dict[str, Document]) -> None:
    cells = [cell for passage in read_document(corpus["001"])[1] for cell in passage.cells]
    assert (columns, text) in [(cell.columns, cell.text) for cell in cells]


def test_the_product_of_meituan_in_the_second_round_is_not_published(corpus: dict[str, Document]) -> None:
    passages = read_document(corpus["001"])[1]
    rows = [p.cells for p in passages if any(cell.text == "美团" for cell in p.cells)]
    assert len(rows) == 1
    row = [(c.columns[0][:3], c.columns[1], c.text) for c in rows[0] if c.row == rows[0][0].row]
    place = row.index(("第2回", "社名", "美团"))
    assert row[place + 1] == ("第2回", "製品名", "(未公表)")


def test_a_table_passage_shows_caption_and_header(corpus: dict[str, Document]) -> None:
    found = passage_with(read_document(corpus["001"])[1], "消費シーン\tウェアラブルデバイス")
    assert found.text.startswith("中国の端末向けAI産業サプライチェーンの企業配置\n産業チェーン\t中核領域")
    assert found.kind == "table"


def test_sections_and_slides_are_named(corpus: dict[str, Document]) -> None:
    report = {p.section for p in read_document(corpus["000"])[1]}
    assert ("ロボティクス・具身知能",) in report
    numbered = {p.section[0] for p in read_document(corpus["001"])[1] if p.section}
    assert len(numbered) == 35
    deck = [p.section for p in read_document(corpus["003"])[1]]
    assert (
        "1-4 AIリスクとその対応",
        "AIリスクとその対応",
        "中国では既に生成AI技術によって一部のリスクが顕在化され、早急な対応が求められる",
    ) in deck


def test_sentences_are_never_cut_where_they_fit(corpus: dict[str, Document]) -> None:
    for key in ("000", "004"):
        for passage in read_document(corpus[key])[1]:
            assert re.search(r"[。）」：]$", passage.text) or len(passage.text) < 120, passage.text[-40:]


def test_the_encoding_counts_any_text() -> None:
    for text in ("中国のAI", "Ä𠮷👉\x00ﾊﾟ", "ᚠᛇᚻ", "x" * 1000):
        assert encoding().decode(encoding().encode_ordinary(text)) == text
    assert count_tokens("") == 0


def test_a_row_shows_nothing_behind_what_follows_it_in_the_source() -> None:
    """What it inherits stands in a row that was too long for one passage, and whose rest stands here."""
    source, passages = read_document(document("百度\t" + "長" * 700 + "\n\t検索"))
    check(source, passages)
    assert [passage.text[:4] for passage in passages] == ["百度\t長", "長長長長"]
    assert passages[1].text.endswith("長\n\t検索")
