import pytest
from conftest import document

from api.citations.quotes import UnprovenCitation, prove


def test_a_quote_is_proved_without_regard_to_white_space() -> None:
    source = document("一文が\n途中でURL切れる。")
    prove(source, "一文が途中で切れる。", [(0, 7), (10, 14)])


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("一文", [(0, 3)]),
        ("一文", []),
        ("一文一文", [(0, 2), (0, 2)]),
        ("一", [(1, 1)]),
        ("一文が", [(0, 2), (1, 3)]),
    ],
)
def test_anything_else_is_refused(text: str, spans: list[tuple[int, int]]) -> None:
    with pytest.raises(UnprovenCitation):
        prove(document("一文が途中"), text, spans)
