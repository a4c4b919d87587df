from api.citations.chaining import chain, loose, windows
from api.citations.folding import stream


def test_runs_are_chained_in_order() -> None:
    pasted, source = loose(stream("甲乙丙丁戊己")), loose(stream("戊己。甲乙丙と丁戊己"))
    assert [(run.at, run.start, run.length) for run in chain(pasted, source.text, 0, 10, ())] == [(0, 3, 3), (3, 7, 3)]
    score, start, end = next(windows(pasted, source))
    assert (score > 0, start, end) == (True, 0, 16)
    assert not list(windows(pasted, loose(stream("何も似ていない"))))


def test_loose_forms_are_one() -> None:
    assert loose(stream("「AI」、1,234社（机）")).text == loose(stream('"ai"，1234社[機]')).text
    assert loose(stream("1,23")).text == "1,23"
