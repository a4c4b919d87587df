"""The comparison with other tools, at the size of a few passages."""

import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from contenders import Crashing, Letters, Witness

from eval.errors import BadQuestions, PeerFailed
from eval.peers import report
from eval.peers.adapters import PEERS, TERMS, Entry
from eval.peers.comparison import ROUND, Outcome, against, compare, over_places
from eval.peers.corpus import Pair, Text, read_pairs, read_texts, windows
from eval.peers.own import Tenkyo, lay_out
from eval.peers.process import Built
from eval.questions import Evidence, Question
from eval.rankers import Place
from eval.retrieval import measure
from retriever.embed import StaticModel

TEXTS = (
    Text("手塚治虫", "手塚治虫は日本の漫画家である。"),
    Text("法隆寺", "法隆寺は奈良県にある寺院である。"),
    Text("富士山", "富士山は日本で最も高い山である。"),
    Text("法隆寺", "五重塔は世界最古の木造建築とされる。"),
)
PAIRS = (
    Pair("日本で最も高い山は？", 2),
    Pair("奈良県の寺院は？", 1),
    Pair("世界最古の木造建築は？", 3),
)
ABSENT = Entry("Absent", Letters, ("pytest", "tenkyo-no-such-package"))


def vectors_of(texts: Sequence[Text], model: StaticModel) -> np.ndarray:
    return model.encode_passages([text.whole for text in texts])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    def write(name: str, rows: list[dict[str, object]]) -> None:
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    dev = {"title": "富士山", "context": "富士山は高い。", "question": "高いのは？"}
    train = {"title": "法隆寺", "context": "法隆寺は古い。", "question": "古いのは？"}
    article = {
        "title": ["東寺", "To-ji"],
        "paragraphs": [{"sentences": [["東" * 90, ""], ["寺" * 60, ""], ["終", ""]]}],
    }
    write("jaquad-dev", [dev, dev])
    write("jaquad-train", [train])
    write("kyoto-wikipedia-ja-en", [article, article])
    return tmp_path


def test_passages_are_distinct_and_questions_point_at_their_own(data: Path) -> None:
    texts = read_texts(data, 4)
    assert [text.whole for text in texts] == [
        "富士山 富士山は高い。",
        "法隆寺 法隆寺は古い。",
        f"東寺 {'東' * 90}{'寺' * 60}",
        "東寺 終",
    ]
    assert read_pairs(data, texts, 5) == [Pair("高いのは？", 0)] * 2
    assert read_pairs(data, texts[1:], 5) == []
    with pytest.raises(BadQuestions, match="gives 4 distinct passages, not 5"):
        read_texts(data, 5)


def test_a_window_is_whole_sentences() -> None:
    article = {"title": ["題", "T"], "paragraphs": [{"sentences": [["あ" * 149, ""]]}, {"sentences": [["い", ""]]}]}
    assert list(windows(article)) == [Text("題", "あ" * 149 + "い")]


def test_ours_keeps_the_places_of_texts_that_a_document_gathers(model: StaticModel, tmp_path: Path) -> None:
    laid = lay_out(TEXTS)
    assert laid.order.tolist() == [0, 1, 3, 2]
    assert [document.title for document in laid.documents] == ["手塚治虫", "法隆寺", "富士山"]
    by_id = {document.doc_id: document for document in laid.documents}
    for passage in laid.passages:
        assert TEXTS[int(passage.passage_id)].text == passage.text
        assert passage.text == "".join(by_id[passage.doc_id].text[start:end] for start, end in passage.spans)
    tool = Tenkyo(model)
    tool.build(TEXTS, vectors_of(TEXTS, model), tmp_path)
    assert [tool.search(pair.question, 4)[0] for pair in PAIRS] == [2, 1, 3]


def test_each_tool_answers_in_a_process_of_its_own(model: StaticModel) -> None:
    said: list[str] = []
    entries = (Entry("Tenkyo", Tenkyo), Entry("Letters", Letters), Entry("Witness", Witness), Entry("Other", Witness))
    vectors = vectors_of(TEXTS, model)
    ours, letters, witness, other = compare(entries, TEXTS, vectors, [*PAIRS, PAIRS[0]], progress=said.append)
    assert [places[0] for places in ours.found] == [2, 1, 3]
    assert letters.found == [(2, 0, 1, 3), (1, 3, 0, 2), (3, 0, 2, 1)]
    given = "\n".join(text.whole for text in TEXTS).encode() + vectors.tobytes()
    digest = int(hashlib.sha256(given).hexdigest()[:8], 16)
    assert witness.found == other.found == [(digest, 10)] * 3
    assert (ours.recall(PAIRS, 1), witness.recall(PAIRS, 10)) == ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    assert ours.rate > 0
    assert ours.built.cpu_seconds > 0
    assert said == ["4 passages: all indexes are there", "3 of 3 questions"]


def test_a_slow_tool_is_asked_no_more(model: StaticModel) -> None:
    pairs = [PAIRS[0]] * (2 * ROUND + 1)
    entries = [Entry("Letters", Letters)]
    (outcome,) = compare(entries, TEXTS, vectors_of(TEXTS, model), pairs, limit_s=1e-9, progress=lambda message: None)
    assert outcome.recall(pairs, 1) == [1.0] * ROUND


def test_a_tool_that_crashes_is_named(model: StaticModel, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PeerFailed, match="Luckless: its process ended"):
        compare([Entry("Luckless", Crashing)], TEXTS, vectors_of(TEXTS, model), PAIRS)
    assert "out of luck" in capfd.readouterr().err


def outcome(name: str, version: str, found: list[list[int]], rate: float) -> Outcome:
    return Outcome(name, version, Built(12.4, 20.0, 411_000_000, 79_400_000), found, rate, rate / 2)


def test_the_table_of_many_passages() -> None:
    ours = outcome("Tenkyo", "", [[2], [1], [3]], 300.0)
    theirs = outcome("Letters", "1.2", [[0, 2], [0]], 20.0)
    assert against(ours, theirs, PAIRS) == 1.0
    assert report.wide_lines(4, [ours, theirs], PAIRS, [ABSENT]) == [
        "### 4 passages",
        "",
        "|  | questions | R@1 | R@10 | p | questions/s (processor) | (clock) | Tenkyo's speed | build "
        "| memory: index | library |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| Tenkyo | 3 | 100.0 (100.0-100.0) | 100.0 (100.0-100.0) |  | 300.0 | 150.0 |  | 12 s | 79 MB | 411 MB |",
        "| Letters 1.2 | 2 | 0.0 (0.0-0.0) | 50.0 (0.0-100.0) | 1.000 | 20.0 | 10.0 | 15.0 times | 12 s "
        "| 79 MB | 411 MB |",
        "| Absent | not installed: pip install -e '.[peers]' |  |  |  |  |  |  |  |  |  |",
    ]


def test_the_table_of_the_reports(model: StaticModel) -> None:
    places = [Place(f"p{i}", "sha", ((10 * i, 10 * i + 10),), text.text) for i, text in enumerate(TEXTS)]
    questions = [
        Question(f"q-{language}", "dev", language, "entity", "plain", pair.question, evidence, ("x",), ())
        for language, pair in zip(("ja", "en", "zh"), PAIRS, strict=True)
        for evidence in [((Evidence("sha", 10 * pair.place, 10 * pair.place + 10),),)]
    ]
    rows = {
        name: measure(questions, {q.id: rank(q.text) for q in questions}, places)
        for name, rank in over_places([Entry("Letters", Letters)], model, places, TEXTS)
    }
    assert report.shipped_lines(questions, rows, [ABSENT]) == [
        "### The reports (3 dev questions)",
        "",
        "| evidence within 2,000 characters | ja | en | zh |",
        "| --- | --- | --- | --- |",
        "| Letters | 100.0 (100.0-100.0) | 100.0 (100.0-100.0) | 100.0 (100.0-100.0) |",
        "| Absent | not installed: pip install -e '.[peers]' |  |  |",
        "",
        "| R@1 / R@5 | ja | en | zh |",
        "| --- | --- | --- | --- |",
        "| Letters | 100.0 / 100.0 | 100.0 / 100.0 | 100.0 / 100.0 |",
    ]


def test_a_tool_that_lacks_a_package_has_no_version() -> None:
    assert ABSENT.version is None
    assert PEERS[0].version == ""
    assert Entry("Pytest", Letters, ("pytest",)).version == pytest.__version__


def test_their_terms_are_latin_words_and_pairs_of_other_characters() -> None:
    assert re.findall(TERMS, "openaiは2024年、生成ai") == ["openai", "2024", "生成", "ai"]
    assert re.findall(TERMS, "生成型モデル") == ["生成", "成型", "型モ", "モデ", "デル"]


@pytest.mark.filterwarnings("default")  # theirs
@pytest.mark.parametrize("entry", PEERS[1:], ids=lambda entry: entry.name)
def test_a_peer_that_is_installed_finds(entry: Entry, model: StaticModel, tmp_path: Path) -> None:
    if entry.version is None:
        pytest.skip(f"{entry.name} is {report.MISSING}")
    tool = entry.make(model)
    tool.build(TEXTS, vectors_of(TEXTS, model), tmp_path)
    assert [tool.search(pair.question, 3)[0] for pair in PAIRS] == [2, 1, 3]
