from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.postings import (
    Spool,
    build_postings,
    hashes_of,
    invert,
    load_postings,
    write_postings,
)

PASSAGES = [["人型", "ロボット", "市場"], ["ロボット", "ロボット", "密度", "中国"], ["半導体"], []]
HEADINGS = [["市場"], ["市場"], [], ["中国", "市場"]]
Batch = list[tuple[list[str], list[str]]]
terms = st.lists(st.sampled_from("abcde"), max_size=6)
batches = st.lists(st.lists(st.tuples(terms, terms), max_size=5), min_size=1, max_size=5)


def test_postings_survive_the_disk(tmp_path: Path) -> None:
    write_postings([[invert(0, PASSAGES)], [invert(1, HEADINGS)]], tmp_path / "postings")
    again = load_postings(tmp_path / "postings")
    assert again.frequency("ロボット") == 2
    assert again.frequency("ロボット", aside=[1]) == 1
    assert again.frequency("無い") == 0
    starts, ends = again.find(hashes_of(["ロボット", "無い"]))
    assert list(again.passages[starts[0] : ends[0]]) == [0, 1]
    assert list(again.frequencies[starts[0] : ends[0]]) == [1, 2]
    assert starts[1] == ends[1]


def test_a_term_is_another_one_in_another_field() -> None:
    found = build_postings(PASSAGES, HEADINGS)
    assert (found.frequency("市場"), found.frequency("市場", 1), found.frequency("市場", 2)) == (1, 3, 0)
    assert found.frequency("半導体", 1) == 0
    assert found.lengths.tolist() == [[3, 4, 1, 0], [1, 1, 0, 2]]
    assert list(hashes_of(["市場", "市場"], np.asarray([0, 7])) >> np.uint64(61)) == [0, 7]


@settings(max_examples=20, deadline=None)
@given(batches)
def test_runs_come_together_as_if_they_had_been_one(tmp_path_factory, found: list[Batch]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("runs")
    spools = [Spool(folder / "words.runs"), Spool(folder / "headings.runs")]
    for passages in found:
        for number, own in enumerate(fields_of(passages)):
            spools[number].append(invert(number, own))
    write_postings(spools, folder / "postings")
    for spool in spools:
        spool.remove()
    together, whole = load_postings(folder / "postings"), build_postings(*fields_of(chain(*found)))
    for name in ("terms", "starts", "passages", "frequencies", "lengths"):
        np.testing.assert_array_equal(getattr(together, name), getattr(whole, name), err_msg=name)
    assert [path.name for path in folder.iterdir()] == ["postings"]


def fields_of(passages: Iterable[tuple[list[str], list[str]]]) -> tuple[list[list[str]], list[list[str]]]:
    pairs = list(passages)
    return [text for text, _ in pairs], [heading for _, heading in pairs]
