"""Runs, comparison, gate and report, over a few questions of the shipped corpus."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from conftest import ROOT

from api.app import create_app
from api.service import Service
from api.settings import Settings
from eval import ablation, gate, report
from eval import compare as comparison
from eval.errors import BadRun, ScoresFell, ServerFailed
from eval.questions import FOLDER, Question, read_questions
from eval.rankers import InProcess, PlainBM25, Remote
from eval.retrieval import WITHIN
from eval.run import Run, execute, load, save


def quiet(message: str) -> None:
    pass


@pytest.fixture(scope="module")
def questions(service: Service) -> list[Question]:
    return read_questions(FOLDER / "dev.jsonl", service.index.documents())[::12]


@pytest.fixture(scope="module")
def sources(service: Service) -> dict[str, str]:
    return {document.source_sha256: document.text for document in service.index.documents()}


def executed(service: Service, questions: list[Question], sources: dict[str, str]) -> tuple[Run, dict[str, str]]:
    local = InProcess(service)
    return execute(questions, local, sources, local.ask, quiet)


def test_a_run_is_the_same_to_the_byte_when_repeated(
    service: Service, questions: list[Question], sources: dict[str, str], tmp_path: Path
) -> None:
    run, files = executed(service, questions, sources)
    again = executed(service, questions, sources)[1]
    assert {k: v for k, v in files.items() if k != "latency.json"} == {
        k: v for k, v in again.items() if k != "latency.json"
    }
    save(files, tmp_path / "run")
    assert load(tmp_path / "run", questions).values == run.values
    assert not list(tmp_path.glob(".*"))
    line = (tmp_path / "run" / "run.trec").read_text().splitlines()[0].split()
    assert (line[1], line[3], line[5]) == ("Q0", "1", "tenkyo")


def test_a_remote_run_ranks_as_the_local_one(
    service: Service, questions: list[Question], sources: dict[str, str], served: str
) -> None:
    with closing(Remote(served)) as remote:
        assert remote.places() == InProcess(service).places()
        run, _ = execute(questions[:8], remote, remote.documents(), remote.ask, quiet)
    assert run.values == executed(service, questions[:8], sources)[0].values


def test_a_server_that_stops_is_said_and_nothing_is_kept(questions: list[Question], served: str) -> None:
    with closing(Remote(served)) as remote:
        remote._client.base_url = "http://127.0.0.1:9"
        with pytest.raises(ServerFailed, match="Nothing of this run was kept"):
            execute(questions[:1], remote, {}, None, quiet)


@pytest.fixture(scope="module")
def served(service: Service, home: Path) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(Settings(home=home), service), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def test_incomplete_empty_and_foreign_runs_are_refused(
    service: Service, questions: list[Question], sources: dict[str, str], tmp_path: Path
) -> None:
    files = executed(service, questions[:3], sources)[1]
    with pytest.raises(BadRun, match="no complete run"):
        load(tmp_path / "none", questions)
    save(files | {"questions.json": "[]"}, tmp_path / "empty")
    with pytest.raises(BadRun, match="empty"):
        load(tmp_path / "empty", questions)
    save(files | {"questions.json": '["nobody"]'}, tmp_path / "foreign")
    with pytest.raises(BadRun, match="'nobody'"):
        load(tmp_path / "foreign", questions)


def test_comparison_tells_effect_and_questions(service: Service, questions: list[Question]) -> None:
    full = execute(questions, InProcess(service), {}, None, quiet)[0]
    dense = execute(questions, ablation.with_weights(service, ablation.equal("dense")), {}, None, quiet)[0]
    found = comparison.compare(dense, full, WITHIN)
    assert found.second - found.first == pytest.approx((len(found.won) - len(found.lost)) / len(full.values[WITHIN]))
    assert found.low <= found.second - found.first <= found.high
    assert 0 < found.p_value <= 1
    fewer = replace(dense, values={WITHIN: dict(list(dense.values[WITHIN].items())[1:])})
    with pytest.raises(BadRun, match="can't be compared"):
        comparison.compare(fewer, full, WITHIN)


def test_reciprocal_rank_fusion_prefers_what_both_found(service: Service) -> None:
    single = [ablation.with_weights(service, ablation.equal(arm)) for arm in ("words", "dense")]
    best = ablation.RankFusion(single).rank("露光装置の国産比率")[0].place.id
    assert all(best in [s.place.id for s in ranker.rank("露光装置の国産比率")[:5]] for ranker in single)


def test_a_report_is_one_page_with_plots(
    service: Service, questions: list[Question], sources: dict[str, str], tmp_path: Path
) -> None:
    run, files = executed(service, questions, sources)
    save(files, tmp_path / "run")
    page = report.to_html(run, tmp_path / "run", "run <1>", sources)
    assert page.count("<svg") == 3
    assert "run &lt;1&gt;" in page
    assert "src=" not in page
    assert "@import" not in page
    assert "within 2,000" in report.to_markdown(run, "run")


def test_the_gate_fails_on_a_significant_loss_and_names_the_questions(service: Service) -> None:
    """On made-up values of all dev questions: nothing changed, a few lost, many lost."""
    asked = read_questions(FOLDER / "dev.jsonl", service.index.documents())
    ids = [q.id for q in asked if q.answerable]
    values = {WITHIN: dict.fromkeys(ids, 1.0), "contained": dict.fromkeys(ids, 1.0), "refused": dict.fromkeys(ids, 0.0)}
    run = Run({"configuration": {}, "questions_sha256": "x"}, values, {}, tuple(asked))
    expected = json.loads(json.dumps(gate.expectation(run, "test")))
    assert len(gate.check(run, expected)) == 9
    japanese = [q.id for q in asked if q.language == "ja" and q.answerable]
    gate.check(lose(run, japanese[:2]), expected)
    with pytest.raises(ScoresFell, match=rf"within2000 ja: .*lost: {japanese[0]}"):
        gate.check(lose(run, japanese[:20]), expected)
    with pytest.raises(BadRun, match="have changed"):
        gate.check(run, expected | {"questions_sha256": "y"})


def lose(run: Run, ids: list[str]) -> Run:
    return replace(run, values=run.values | {WITHIN: run.values[WITHIN] | dict.fromkeys(ids, 0.0)})


def test_quality_has_not_fallen(service: Service, sources: dict[str, str]) -> None:
    """The gate itself, on all dev questions."""
    asked = read_questions(FOLDER / "dev.jsonl", service.index.documents())
    run, _ = executed(service, asked, sources)
    gate.check(run, gate.read_expected())


def test_the_yardstick_is_not_too_good(service: Service) -> None:
    """Above .88 / .55 / .72 (ja, en, zh) the questions would be too easy."""
    documents = service.index.documents()
    for split in ("dev", "test"):
        asked = read_questions(FOLDER / f"{split}.jsonl", documents)
        for language, fields, most in (
            ("ja", ("words", "bigrams"), 0.88),
            ("en", ("words",), 0.55),
            ("zh", ("words", "bigrams"), 0.72),
        ):
            mine = [q for q in asked if q.language == language]
            found = execute(mine, PlainBM25(documents, fields), {}, None, quiet)[0].estimate(WITHIN)
            assert found is not None
            assert found.mean <= most


def test_expected_scores_say_how_they_were_made() -> None:
    expected = json.loads((ROOT / "eval/expected.json").read_text("utf-8"))
    assert expected["command"] == "tenkyo eval gate --update"
    assert expected["configuration"]["versions"]["model"]
