from concurrent.futures import ThreadPoolExecutor

import pytest

from retriever.text import bigrams, breaks_word, normalise, singular, words


def test_width_and_old_and_simplified_forms_become_one() -> None:
    assert normalise("ＡＩ　と ﾛﾎﾞｯﾄ") == "AI と ロボット"
    assert normalise("國产化 压力 发展") == "国産化 圧力 発展"


def test_characters_that_japanese_itself_uses_are_left_alone() -> None:
    assert normalise("机上の空論、里山、谷、台風") == "机上の空論、里山、谷、台風"


def test_words_are_content_words_in_one_form() -> None:
    assert words("中国のAI企業は世界の何割を占めますか") == ["中国", "ai", "企業", "世界", "割", "占める"]


def test_numbers_have_one_form() -> None:
    assert words("5,784億元") == words("５７８４億元") == ["578400000000", "元"]


@pytest.mark.parametrize("text", ["", " ", "、。", "？！", "\u200b"])
def test_nothing_gives_no_terms(text: str) -> None:
    assert words(text) == []
    assert bigrams(text) == []


def test_function_words_carry_nothing() -> None:
    assert words("What is the market in China?") == ["マーケット", "チャイナ"]


def test_english_plurals_are_their_singulars() -> None:
    assert words("robots chips companies GPUs") == words("robot chip company GPU")
    assert words("news bus glass analysis iOS") == words("news bus glass analysis iOS".lower())
    assert words("bus glass") == ["バス", "glass"]


def test_bigrams_run_over_letters_and_digits_only() -> None:
    assert bigrams("AI、中国 A") == ["ai", "中国", "a"]


def test_a_word_over_a_border_is_seen() -> None:
    assert breaks_word("独自のモ", "デルを発表")
    assert not breaks_word("環球時報", "澎湃新聞")
    assert not breaks_word("", "デル")


@pytest.mark.parametrize(
    ("plural", "alone"),
    [
        ("robots", "robot"),
        ("companies", "company"),
        ("enterprises", "enterprise"),
        ("databases", "database"),
        ("taxes", "tax"),
        ("losses", "loss"),
        ("GPUs", "GPU"),
        ("movies", "movie"),
        ("series", "series"),
        ("news", "news"),
        ("does", "does"),
        ("analysis", "analysis"),
    ],
)
def test_english_plurals(plural: str, alone: str) -> None:
    assert singular(plural) == alone


def test_words_are_found_in_several_threads_at_once() -> None:
    text = "中国のAI企業は世界の16％を占めている。" * 200
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(words, [text] * 16))
    assert all(one == found[0] for one in found)
