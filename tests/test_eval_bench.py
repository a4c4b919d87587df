import gzip
import json
from pathlib import Path

import pytest

from eval import bench
from eval.errors import BadQuestions
from retriever.embed import StaticModel

ROWS = [
    ("手塚治虫", "手塚治虫は日本の漫画家である。", "戦後の漫画家は誰？", "手塚治虫"),
    ("手塚治虫", "手塚治虫は日本の漫画家である。", "手塚治虫の職業は？", "漫画家"),
    ("法隆寺", "法隆寺は奈良県にある寺院である。", "法隆寺はどこにある？", "奈良県"),
    ("富士山", "富士山は日本で最も高い山である。", "日本一高い山は？", "富士山"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("jaquad-dev", "jsquad-test"):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as out:
            for title, context, question, answer in ROWS:
                row = {"title": title, "context": context, "question": question, "answers": [{"text": answer}]}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return tmp_path


def test_passages_are_ranked_by_every_arm(data: Path, model: StaticModel) -> None:
    task = bench.TASKS["jsquad"](data)[0]
    assert (len(task.queries), len(task.documents)) == (4, 3)
    values = bench.evaluate(task, model)
    assert values.keys() == bench.ARMS.keys()
    assert bench.estimates(values)["hybrid"]["nDCG@10"].mean == 1.0
    assert bench.p_values(values, "hybrid", "hybrid")["R@1"] == 1.0


def test_jaquad_is_rebuilt_in_the_order_that_mteb_shuffles(
    data: Path, model: StaticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "MTEB_QUERIES", 4)
    monkeypatch.setattr(bench, "MTEB_DOCUMENTS", 7)
    task = bench.jaquad_mteb(data)
    assert task.queries[0] == ROWS[3][2]
    assert task.documents[:2] == ("富士山 富士山は日本で最も高い山である。", "富士山 富士山")
    assert all(len(found) == 2 for found in task.relevant)


def test_another_file_under_that_name_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadQuestions, match="not 2,048 and 3,014"):
        bench.jaquad_mteb(data)
    with pytest.raises(BadQuestions, match="--data PATH"):
        bench.TASKS["jsquad"](tmp_path / "nowhere")
