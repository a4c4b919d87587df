"""`tenkyo eval bench …`: public benchmarks, speed, size, and other tools beside this one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import clear_errors
from api.settings import Settings
from eval import bench, performance, scale
from eval.overload import overload_command
from eval.peers.command import peers_command
from eval.soak import soak_command
from eval.speed import speed_command
from eval.statistics import Estimate
from eval.switches import switches_command
from eval.tables import cell, plain
from ingest.build import say
from retriever.embed import open_model

Data = Annotated[Path, typer.Option(help="Folder with the benchmark data (*.jsonl.gz).")]
AsJson = Annotated[bool, typer.Option("--json")]
app = typer.Typer(no_args_is_help=True, help="Public benchmarks, speed, size, and other tools beside this one.")
app.command("speed")(speed_command)
app.command("overload")(overload_command)
app.command("soak")(soak_command)
app.command("switches")(switches_command)
app.command("peers")(peers_command)


@app.command("jaquad")
def jaquad_command(data: Data, as_json: AsJson = False) -> None:
    """JaQuADRetrieval and JaQuAD's passages, per arm and for the hybrid, with published scores beside ours."""
    _public("jaquad", data, as_json)


@app.command("jsquad")
def jsquad_command(data: Data, as_json: AsJson = False) -> None:
    """JSQuAD's passages, the same way."""
    _public("jsquad", data, as_json)


@app.command("scale")
def scale_command(
    data: Data,
    size: Annotated[list[int] | None, typer.Option(help="Passages; may be given several times.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ten thousand to a million passages: building, searching, recall, adding. Goes on where it was cut off."""
    with clear_errors():
        home = Settings().home / "scale"
        for wanted in size or scale.SIZES:
            scale.measure(data, home, wanted)
        found = scale.measured(home)
        performance.write_section("Search at scale", "tenkyo eval bench scale --data PATH", scale.report(found))
        typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(scale.report(found)))


def _public(name: str, data: Path, as_json: bool) -> None:
    with clear_errors():
        model = open_model(Settings().model)
        results: dict[str, Any] = {}
        for task in bench.TASKS[name](data):
            say(f"{task.name}: {len(task.queries):,} queries, {len(task.documents):,} documents")
            values = bench.evaluate(task, model)
            scores = bench.estimates(values)
            results[task.name] = {
                arm: {m: [e.mean, e.low, e.high] for m, e in measures.items()} for arm, measures in scores.items()
            }
            if not as_json:
                typer.echo(_table(task.name, values, scores))
        if as_json:
            typer.echo(json.dumps(results, indent=1))


def _table(name: str, values: bench.Values, scores: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Scores of each arm, whether the hybrid's differ from BM25's, and what others published."""
    measures = list(next(iter(scores.values())))
    lines = [plain([name, *measures], [[arm, *(cell(found[m]) for m in measures)] for arm, found in scores.items()])]
    for arm in ("words", "BM25 (words + bigrams)"):
        p = bench.p_values(values, "hybrid", arm)
        lines.append(f"  hybrid against {arm}: " + ", ".join(f"{m} p = {p[m]:.4f}" for m in measures))
    lines += [f"  published: {model} {score}" for model, score in bench.PUBLISHED.get(name, {}).items()]
    return "\n".join(lines)
