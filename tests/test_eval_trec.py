from pathlib import Path

import pytest

from eval.errors import BadRun
from eval.trec import read_qrels, read_run, score

RUN = "q1 Q0 a 1 2.0 t\nq1 Q0 b 2 1.0 t\n"
QRELS = "q1 0 b 1\nq2 0 a 1\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "file.trec"
    path.write_text(text, "utf-8")
    return path


def test_a_judged_query_that_the_run_lacks_counts_nothing(tmp_path: Path) -> None:
    run, qrels = read_run(written(tmp_path, RUN)), read_qrels(written(tmp_path, QRELS), {"a", "b"})
    scores = score(run, qrels)
    assert scores["RR"].mean == 0.25
    assert scores["RR"].count == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1 0 nobody 1\n", ":1: no passage of this index is called 'nobody'"),
        ("q1 0 a 1\nq1 0 a\n", ":2: has 3 fields, not 4"),
        ("q1 0 a yes\n", ":1: 'yes' is no relevance"),
        ("q1 0 a 1\nq1 0 a 1\n", ":2: 'a' stands twice"),
        ("\n", "is empty"),
    ],
)
def test_bad_qrels_are_refused_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadRun) as error:
        read_qrels(written(tmp_path, text), {"a"})
    assert "file.trec" in str(error.value)
    assert message in str(error.value)


def test_bad_runs_are_refused(tmp_path: Path) -> None:
    for text, message in (
        ("", "is empty"),
        ("q Q0 a 1 high t\n", "'high' is no score"),
        (RUN + RUN, ":3: 'a' stands twice"),
    ):
        with pytest.raises(BadRun, match=message):
            read_run(written(tmp_path, text))
    with pytest.raises(BadRun, match="can't be read"):
        read_run(tmp_path / "gone.trec")
    with pytest.raises(BadRun, match="'q9'"):
        score({"q9": {"a": 1.0}}, {"q1": {"a": 1}})
