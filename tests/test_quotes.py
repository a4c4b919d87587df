from dataclasses import replace

import pytest
from conftest import document

from api.citations.quotes import UnprovenCitation, prove
from api.schemas import SearchIn
from api.service import Service


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


def test_a_search_shows_no_passage_that_stands_nowhere(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where the right one was shown before."""
    wanted = SearchIn(query="人型ロボットの市場規模")
    assert service.search(wanted).hits
    read = service.index.passage
    monkeypatch.setattr(service.index, "passage", lambda place: replace(read(place), text=f"{read(place).text}偽"))
    for _ in range(2):
        with pytest.raises(UnprovenCitation):
            service.search(wanted)
