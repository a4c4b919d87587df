import sys
import unicodedata

from conftest import document

from api.citations.folding import occurrences, readable, spaced, stream, without_invisible


def found(pasted: str, source: str, joins: tuple[tuple[int, int], ...] = ()) -> list[int]:
    return list(occurrences(stream(pasted), stream(source, joins)))


def test_rings_and_raised_figures_do_not_become_plain_ones() -> None:
    assert stream("①5G ² ㎡").text == "①5G²m2"
    assert not stream("① 2024").barriers
    assert found("2", "①²") == []


def test_width_and_marks_do_not_matter() -> None:
    assert stream("ｶﾞ ｱｲ").text == stream("ガ アイ").text == stream("カ\u3099アイ").text
    assert found("カ", "カ\u3099") == []


def test_a_character_that_folds_to_several_is_found_whole() -> None:
    assert found("7m2", "7㎡") == [0]
    assert found("7m", "7㎡") == []


def test_what_nobody_sees_neither_hides_a_match_nor_makes_one() -> None:
    assert found("人\u200b工\u00ad知\u202e能", "人工\ufeff知能") == [0]
    assert found("一\u200b二", "一\n二") == []
    assert found("一 \u200b二", "一\n二") == [0]


def test_invisible_is_what_unicode_calls_format_characters_and_variation_selectors() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    hidden = {c for c in characters if not without_invisible(c)}
    named = {
        c for c in characters if unicodedata.category(c) == "Cf" or "VARIATION SELECTOR" in unicodedata.name(c, "")
    }
    assert named <= hidden
    assert {unicodedata.category(c) for c in hidden - named} <= {"Cn", "Mn", "Lo"}  # later versions of Unicode: more Cf


def test_a_barrier_is_crossed_only_by_white_space() -> None:
    assert found("一二", "一\t二") == found("12", "1 2") == []
    assert found("一 二", "一\t二") == found("1\n2", "1 2") == [0]
    assert found("一二", "一 二") == [0]
    assert found("一二", "一\n二", joins=((1, 2),)) == [0]
    assert found("12", "1\n2", joins=((1, 2),)) == []


def test_what_is_left_out_parts_a_text_like_white_space() -> None:
    text = "一URL二"
    assert stream(text, left_out=[(1, 4)]).barriers == (1,)
    assert stream(text, ((1, 4),), left_out=[(1, 4)]).barriers == ()


def test_a_piece_reads_without_wraps() -> None:
    text = "人工\n知能　と AI\nchip\n5G\t一"
    source = stream(text, ((2, 3), (10, 11)))
    shown = readable(source, 0, len(source.text), document(text))
    assert shown.text == "人工知能 と AI chip\n5G\t一"
    assert [text[i] for i in shown.offsets if i >= 0] == list("人工知能とAIchip5G一")
    folded, places = spaced(source, text)
    assert folded == shown.text
    assert places[folded.index("5")] == text.index("5")
