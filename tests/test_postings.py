from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.postings import (
    Spool,
    average_length,
    build_postings,
    gains,
    hashes_of,
    invert,
    load_postings,
    norms,
    write_postings,
)

PASSAGES = [["人型", "ロボット", "市場"], ["ロボット", "ロボット", "密度", "中国"], ["半導体"], []]
batches = st.lists(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=5), min_size=1, max_size=5)


def test_postings_survive_the_disk(tmp_path: Path) -> None:
    write_postings([invert(PASSAGES)], tmp_path / "words")
    again = load_postings(tmp_path / "words")
    assert again.frequency("ロボット") == 2
    assert again.frequency("ロボット", aside=[1]) == 1
    assert again.frequency("無い") == 0
    starts, ends, peaks = again.find(hashes_of(["ロボット", "無い"]))
    assert list(again.passages[starts[0] : ends[0]]) == [0, 1]
    assert list(again.frequencies[starts[0] : ends[0]]) == [1, 2]
    assert starts[1] == ends[1]
    assert peaks[1] == 0


def test_a_term_peaks_where_it_gains_most() -> None:
    postings = build_postings(PASSAGES)
    (start,), (end,), (peak,) = postings.find(hashes_of(["ロボット"]))
    norm = norms(postings.lengths, average_length([postings.lengths]))[postings.passages[start:end]]
    assert peak == gains(postings.frequencies[start:end], norm).max()


@settings(max_examples=20, deadline=None)
@given(batches)
def test_runs_come_together_as_if_they_had_been_one(tmp_path_factory, found: list[list[list[str]]]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("runs")
    spool = Spool(folder / "words.runs")
    for passages in found:
        spool.append(invert(passages))
    write_postings(spool, folder / "words")
    spool.remove()
    together, whole = load_postings(folder / "words"), build_postings([own for passages in found for own in passages])
    for name in ("terms", "starts", "peaks", "passages", "frequencies", "lengths"):
        np.testing.assert_array_equal(getattr(together, name), getattr(whole, name), err_msg=name)
    assert [path.name for path in folder.iterdir()] == ["words"]
