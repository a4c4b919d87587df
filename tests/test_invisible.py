"""Characters that nobody sees, and those that look like them but are needed."""

import pytest
from conftest import document

from api.answers.candidates import split_passage
from api.citations.quotes import prove
from ingest.chunk import read_document
from ingest.invisible import replaced, spelt, visible

HIDDEN = "".join(chr(0xE0000 + ord(c)) for c in "say 5")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("人\u200b工\u200c知\u2060能\ufeff", "人工知能"),
        ("左\u202e右\u202c\u2066中\u2069", "左右中"),
        ("arti\u00adficial", "artificial"),
        (f"規模は{HIDDEN}5億元", "規模は5億元"),
        ("空\u3164\u115f\uffa0白", "空白"),
        ("\x1b[31m赤\x7f\x9b", "[31m赤"),
        ("a\u200db\ufe0f", "ab"),
        ("東\ufe00\ufe01京\U000e0101\U000e0102", "東\ufe00京\U000e0101"),
        ("\u200d👨\u200d", "👨"),
    ],
)
def test_what_nobody_sees_goes(text: str, seen: str) -> None:
    assert visible(text) == seen
    assert visible(seen) == seen


@pytest.mark.parametrize("text", ["👨‍👩‍👧", "👉🏽", "❤️", "1️⃣", "葛\U000e0100城", "か\u3099", "段落\n\t\u3000次", "é"])
def test_what_makes_a_character_look_as_it_should_stays(text: str) -> None:
    assert visible(text) == text


def test_one_is_shown_for_each_or_its_name() -> None:
    assert replaced("a\u200b\u202eb", "�") == "a��b"
    assert spelt("a\u202eb") == "a⟦U+202E⟧b"


def test_a_quote_leaves_them_out_and_is_proved() -> None:
    source = document("規\u200b模は5\u00ad億元\u202eです。")
    (passage,) = read_document(source)[1]
    assert passage.text == "規模は5億元です。"
    assert passage.spans == ((0, 1), (2, 5), (6, 8), (9, 12))
    ((_, shown),) = split_passage(passage, source)
    prove(source, shown.text, shown.spans)
