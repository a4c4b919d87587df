from pathlib import Path

import pytest
from conftest import CORPUS

from retriever.errors import BadGlossary
from retriever.glossary import ALIAS_WEIGHT, Entry, Glossary, expanded_terms, read_glossary, units
from retriever.language import detect_language

HEAD = "ja\ten\tzh\taliases\tkind\tsource\n"
CHIP = Entry("半導体", "semiconductor", "半导体", ("チップ", "芯片", "chip"))
CONTROL = Entry("輸出規制", "export control", "出口管制", ("輸出管理",), "policy")


def forms(glossary: Glossary, question: str) -> dict[str, str]:
    return {match.form: match.means[0] for match in glossary.matches(question, detect_language(question))}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What are export controls on chips?", {"export controls": "輸出規制", "chips": "半導体"}),
        ("芯片的出口管制", {"芯片": "半導体", "出口管制": "輸出規制"}),
        ("チップの輸出管理", {"チップ": "半導体", "輸出管理": "輸出規制"}),
        ("チップセットの市場", {}),
        ("nothing known", {}),
        ("晶片管制：芯片的出口管制", {"芯片": "半導体", "出口管制": "輸出規制"}),
        ("The chip's price and chip-makers", {"chip": "半導体"}),
        ("", {}),
    ],
)
def test_forms_of_any_language_lead_to_the_form_of_reports(question: str, expected: dict[str, str]) -> None:
    assert forms(Glossary([CHIP, CONTROL]), question) == expected


def test_a_name_is_not_cut_by_a_word_before_it() -> None:
    small = Entry("中小企業", "SME", "中小", (), "industry")
    xiaomi = Entry("シャオミ", "Xiaomi", "小米", (), "company")
    assert forms(Glossary([small, xiaomi]), "备案中小米的产品") == {"小米": "シャオミ"}
    assert forms(Glossary([small, xiaomi]), "中小的产品") == {"中小": "中小企業"}


def test_the_longest_form_wins() -> None:
    glossary = Glossary([Entry("計画", "plan", "计划"), Entry("行動計画", "action plan", "行动计划")])
    assert forms(glossary, "the action plan") == {"action plan": "行動計画"}


def test_a_lone_kanji_is_not_found_inside_a_compound() -> None:
    glossary = Glossary([Entry("自動車", "car", "汽车", ("車",))])
    assert forms(glossary, "車の値段") == {"車": "自動車"}
    assert forms(glossary, "電車の値段") == {}


def test_the_reports_form_weighs_more_than_an_alias() -> None:
    terms = expanded_terms(Glossary([Entry("市場", "market", "市场", ("マーケット",))]).matches("The market", "en"))
    assert terms["市場"] == 1.0
    assert terms["マーケット"] == ALIAS_WEIGHT


def test_names_that_a_document_glosses_are_known() -> None:
    assert forms(Glossary(names={"Baidu": "百度"}), "What did Baidu publish?") == {"Baidu": "百度"}
    assert forms(Glossary([CHIP], {"chip": "チップ代"}), "the chip") == {"chip": "半導体"}


def test_a_question_in_the_reports_form_adds_only_aliases() -> None:
    match = Glossary([CHIP]).matches("半導体の市場", "ja")[0]
    assert match.meaning.reports == ()
    assert set(match.meaning.others) == {"semiconductor", "チップ", "芯片", "chip"}


def test_a_function_word_is_no_name() -> None:
    energy = Entry("米エネルギー省", "Department of Energy", "美国能源部", ("DOE",), "agency")
    assert forms(Glossary([energy]), "How does it work?") == {}
    assert forms(Glossary([energy]), "What did the DOE say?") == {"DOE": "米エネルギー省"}


def test_traditional_chinese_finds_what_simplified_does() -> None:
    robot = Entry("ロボット", "robot", "机器人")
    machine = Entry("ハードウェア", "hardware", "硬件", ("機器",))
    glossary = Glossary([robot, machine])
    assert [m.meaning.reports for m in glossary.matches("機器人的市場規模", "zh")] == [("ロボット",)]
    assert [m.meaning.reports for m in glossary.matches("机器人的市场规模", "zh")] == [("ロボット",)]


def test_units_fold_case_width_plurals_and_characters() -> None:
    assert units("ＡＩ Chips、芯片") == ("ai", "chip", "芯", "片")
    assert units("US-China: Huawei’s GPUs, C++ and Q&A") == ("us", "china", "huawei", "gpu", "c++", "and", "q&a")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("半導体\tsemiconductor\t半导体\t\ttechnology", "2: 5 columns instead of 6"),
        ("半導体\t\t半导体\t\ttechnology\tgeneral", "2: ja, en, zh and source can't be empty"),
        ("半導体\tsemiconductor\t半导体\t\tthing\tgeneral", "2: kind 'thing' is unknown. Use one of agency"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "glossary.tsv"
    path.write_text(HEAD + row + "\n", "utf-8")
    with pytest.raises(BadGlossary, match=message):
        read_glossary(path)


def test_a_file_without_its_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "glossary.tsv").write_text("半導体\tsemiconductor\n", "utf-8")
    with pytest.raises(BadGlossary, match="first line must name the columns"):
        read_glossary(tmp_path / "glossary.tsv")


def test_the_shipped_glossary_is_whole() -> None:
    entries = read_glossary(CORPUS / "glossary.tsv")
    assert len(entries) >= 1500
    assert len({entry.ja for entry in entries}) == len(entries)
