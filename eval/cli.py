"""`tenkyo eval …`: results on stdout, progress on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli import clear_errors, opened
from api.kept import KeptAnswers
from api.service import Service, open_embedder, open_service
from api.settings import PROJECT, Settings
from eval import ablation, gate, overlap, report, stores, support, trec
from eval import compare as comparison
from eval import run as runs
from eval.answers import abstention
from eval.bench_commands import app as bench_app
from eval.learning_commands import fit_command, leave_out_command
from eval.questions import FOLDER, Question, read_questions
from eval.rankers import Asked, InProcess, PlainBM25, Ranker, Remote
from eval.retrieval import WITHIN
from eval.statistics import estimate
from eval.tables import (
    ANSWERS,
    LANGUAGES,
    NAMES,
    RETRIEVAL,
    by_language,
    cell,
    ids_where,
    markdown,
    plain,
    yardstick_rows,
)
from ingest import build
from ingest.build import say
from ingest.expand import read_expansions
from retriever.embed import open_model
from retriever.fusion import for_new_too
from retriever.glossary import read_glossary
from retriever.index import open_index

Split = Literal["dev", "test", "far-dev", "far-test"]
Mode = Literal["hybrid", "lexical", "dense"]
TEST_LOG = Path(__file__).with_name("test-log.jsonl")
RESULTS = Path(__file__).with_name("results.md")
TESTED = (WITHIN, "nDCG@10", "R@1", "contained", "citation_precision", "citation_recall", "short_exact")
app = typer.Typer(no_args_is_help=True, help="Evaluation runs: metrics with intervals, comparison, report, gate.")
app.add_typer(bench_app, name="bench")
app.command("fit")(fit_command)
app.command("leave-out")(leave_out_command)


def _sources(service: Service) -> dict[str, str]:
    return {document.source_sha256: document.text for document in service.index.documents()}


def _questions(service: Service, split: str) -> list[Question]:
    return read_questions(FOLDER / f"{split}.jsonl", service.index.documents())


def _all_questions(service: Service) -> list[Question]:
    return [q for path in sorted(FOLDER.glob("*.jsonl")) for q in read_questions(path, service.index.documents())]


def _folder(name: str) -> Path:
    return Settings().home / "runs" / name


@app.command("run")
def run_command(
    split: Split = "dev",
    name: Annotated[str | None, typer.Option(help="Name of the run; the split's where none is given.")] = None,
    mode: Mode = "hybrid",
    weights: Annotated[str | None, typer.Option(help="Arms' weights, as in words=1,bigrams=0.5,dense=0.8.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model, by name or folder; the corpus is indexed for it.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="A service to evaluate instead of this process.")] = None,
    baseline: Annotated[bool, typer.Option(help="Plain BM25 over chunks of 400 characters.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Run all questions of a split: TREC run and qrels, answers, values, manifest. `test` shows aggregates only."""
    with _opened_with(model) as service, _ranker(service, mode, weights, base_url, baseline) as (ranker, ask):
        asked = _questions(service, split)
        run, files = runs.execute(asked, ranker, _sources(service), ask, yardsticks=_yardsticks(service))
        folder = _folder(name or split)
        runs.save(files, folder)
        if "test" in split and not baseline:
            _log(run, split)
        if as_json:
            typer.echo(json.dumps(_aggregates(run), ensure_ascii=False, indent=1))
            return
        header, rows = by_language(run, (*RETRIEVAL, *ANSWERS))
        rows[:0] = yardstick_rows(run)
        summary = "\n".join(f"{key}: {value:.3f}" for key, value in run.summary.items())
        typer.echo(f"{plain(header, rows)}\n{summary}\n{_latency(files)}kept in {folder.name}/")


@contextmanager
def _opened_with(model: str | None) -> Iterator[Service]:
    """The service as it is, or over an index of its own for another model."""
    if model is None:
        with opened() as service:
            yield service
        return
    with clear_errors():
        settings, embedder = Settings(), open_model(model)
        home = settings.home / "models" / hashlib.sha256(embedder.name.encode()).hexdigest()[:16]
        build.ingest(home / "index", [settings.corpus], embedder, read_expansions(settings.expansions))
        with closing(
            Service(
                open_index(home / "index", embedder.name),
                embedder,
                KeptAnswers(home / "answers.sqlite"),
                read_glossary(settings.glossary),
            )
        ) as own:
            yield own


@contextmanager
def _ranker(
    service: Service, mode: Mode, weights: str | None, base_url: str | None, baseline: bool
) -> Iterator[tuple[Ranker, Callable[[str], Asked] | None]]:
    """What ranks, and what answers where something does: an answer always rests on the hybrid ranking."""
    if (baseline or base_url) and weights:
        raise typer.BadParameter("--weights are those of this process; leave them out with --base-url and --baseline")
    if baseline and (base_url or mode != "hybrid"):
        raise typer.BadParameter("--baseline is plain BM25; leave out --base-url and --mode")
    if baseline:
        yield PlainBM25(service.index.documents()), None
    elif base_url:
        with closing(Remote(base_url, mode)) as remote:
            yield remote, remote.ask if mode == "hybrid" else None
    else:
        chosen = service.with_weights(for_new_too(_read_weights(weights))) if weights else service
        local = InProcess(chosen, mode)
        yield local, local.ask if mode == "hybrid" else None


def _read_weights(text: str) -> dict[str, float]:
    """Raises a usage error that names what can't be read."""
    try:
        found = {name: float(value) for name, value in (pair.split("=") for pair in text.split(","))}
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write words=1,bigrams=0.5,headings=0.3,dense=0.8") from None
    arms = {name + ending for name in ablation.ARMS for ending in ("", "_sure")}
    if unknown := found.keys() - arms:
        raise typer.BadParameter(f"no arm is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(arms))}")
    return found


def _yardsticks(service: Service) -> dict[str, Ranker]:
    """Plain BM25 over chunks of 400 characters: words alone, and with bigrams."""
    documents = service.index.documents()
    return {
        "BM25 (words)": PlainBM25(documents, ("words",)),
        "BM25 (words + bigrams)": PlainBM25(documents, ("words", "bigrams")),
    }


def _aggregates(run: runs.Run) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": run.summary}
    for measure in (*RETRIEVAL, *ANSWERS):
        for language in LANGUAGES:
            if value := run.estimate(measure, ids_where(run.questions, language=language)):
                found.setdefault(measure, {})[language] = [round(v, 4) for v in (value.mean, value.low, value.high)]
    return found


def _latency(files: Mapping[str, str]) -> str:
    took = sorted(1000 * seconds for seconds in json.loads(files["latency.json"]).values())
    if not took:
        return ""
    return f"an answer took {took[len(took) // 2]:.0f} ms (median), {took[int(0.95 * len(took))]:.0f} ms (95%)\n"


def _log(run: runs.Run, split: str) -> None:
    """Every look at the test questions is on record."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True
    ).stdout.strip()
    line = {
        "split": split,
        "commit": commit or None,
        "configuration": run.manifest["configuration"],
        "scores": _aggregates(run),
    }
    with TEST_LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")


@app.command("compare")
def compare_command(first: str, second: str, measure: str = WITHIN) -> None:
    """Paired randomisation test of two runs, with the questions won and lost (texts on dev only)."""
    with opened() as service:
        questions = _all_questions(service)
        a, b = (runs.load(_folder(name), questions) for name in (first, second))
        texts = {q.id: q.text for q in questions if "dev" in q.split}
        whole = comparison.compare(a, b, measure)
        rows = [_effect_row("all", whole)]
        for language in LANGUAGES:
            if ids := ids_where(a.questions, language=language):
                rows.append(_effect_row(language, comparison.compare(a, b, measure, ids)))
        typer.echo(plain(["", first, second, "effect (95%)", "p", "won", "lost"], rows))
        for title, changed in (("won", whole.won), ("lost", whole.lost)):
            for qid in changed:
                typer.echo(f"{title}  {qid}  {texts.get(qid, '')}")


def _effect_row(name: str, found: comparison.Comparison) -> list[str]:
    effect = f"{100 * (found.second - found.first):+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    means = [f"{100 * found.first:.1f}", f"{100 * found.second:.1f}"]
    return [name, *means, effect, f"{found.p_value:.4f}", str(len(found.won)), str(len(found.lost))]


@app.command("score")
def score_command(run: Path, qrels: Path) -> None:
    """nDCG@10, RR and recall of any TREC run against any qrels over this index's passages."""
    with opened() as service:
        known = {place.id for place in InProcess(service).places()}
        scores = trec.score(trec.read_run(run), trec.read_qrels(qrels, known))
        typer.echo(plain(["measure", "mean (95%)", "queries"], [[m, cell(e), str(e.count)] for m, e in scores.items()]))


@app.command("report")
def report_command(
    name: str = "dev",
    out: Annotated[Path | None, typer.Option(help="HTML file to write; Markdown goes to stdout otherwise.")] = None,
) -> None:
    """A run as one self-contained HTML page, or as Markdown."""
    with opened() as service:
        run = runs.load(_folder(name), _all_questions(service))
        if out is None:
            typer.echo(report.to_markdown(run, name))
            return
        out.write_text(report.to_html(run, _folder(name), f"Tenkyo: run {name}", _sources(service)), "utf-8")
        say(f"written to {out}")


@app.command("ablate")
def ablate_command() -> None:
    """Write eval/results.md: each arm, tokeniser and fusion on dev, documents left out, one line of test aggregates."""
    with opened() as service:
        dev, test = _questions(service, "dev"), _questions(service, "test")
        far = _questions(service, "far-dev")
        rows: list[list[str]] = []
        for name, ranker in ablation.rankers(service, service.index.documents()):
            run, _ = runs.execute([*dev, *far], ranker, {}, progress=lambda m: None)
            rows.append([name, *_ablation_cells(run)])
            say(name)
        local = InProcess(service)
        tested, _ = runs.execute(test, local, _sources(service), local.ask)
        _log(tested, "test")
        RESULTS.write_text(_results(rows, tested), "utf-8")
        say(f"written to eval/{RESULTS.name}")


def _ablation_cells(run: runs.Run) -> list[str]:
    near = [q for q in run.questions if not q.id.endswith("-far")]
    far = [q.id for q in run.questions if q.id.endswith("-far")]
    cells = [cell(run.estimate(WITHIN, ids_where(near, language=language))) for language in LANGUAGES]
    ndcg = cell(run.estimate("nDCG@10", ids_where(near, language="ja")))
    return [*cells, cell(run.estimate(WITHIN, far)), ndcg]


def _results(rows: list[list[str]], tested: runs.Run) -> str:
    header = ["dev", "ja", "en", "zh", "far paraphrases (ja)", "nDCG@10 (ja)"]
    aggregates = [(NAMES.get(m, m), by_language(tested, [m])[1][0][1:]) for m in TESTED]
    refusal = abstention(tested.questions, tested.values)
    return "\n".join(
        [
            "# Results\n",
            "Written by `tenkyo eval ablate`. Evidence within 2,000 characters of hits, percent of questions, with 95%",
            "bootstrap intervals; nDCG@10 in percent. The weights were learnt on the dev questions: see test below,",
            "and `leave-out.md` for documents that nothing was learnt from.\n",
            "## What each part is worth (dev)\n",
            markdown(header, rows),
            "## Test, aggregates only\n",
            markdown(["", "all", *LANGUAGES], [[name, *cells] for name, cells in aggregates]),
            "Refusing:\n",
            markdown(["", "test"], [[name.replace("_", " "), f"{value:.3f}"] for name, value in refusal.items()]),
        ]
    )


@app.command("overlap")
def overlap_command() -> None:
    """Near-duplicates between questions here and those written for passages; scores with and without them."""
    with opened() as service:
        expansions = read_expansions(Settings().expansions)
        written = [q.text for found in expansions.values() for expansion in found for q in expansion.questions]
        rows: list[list[str]] = []
        for split in ("dev", "test"):
            questions = [q for q in _questions(service, split) if q.answerable]
            twins = overlap.twins(questions, written)
            run, _ = runs.execute(questions, InProcess(service), {}, progress=lambda m: None)
            for language in LANGUAGES:
                ids = ids_where(questions, language=language)
                apart = [qid for qid in ids if qid not in twins]
                both = [cell(run.estimate(WITHIN, chosen)) for chosen in (ids, apart)]
                rows.append([split, language, str(len(ids)), str(len(ids) - len(apart)), *both])
            if split == "dev":
                for qid, twin in twins.items():
                    say(f"{qid}  {twin.similarity}  {twin.question} | {twin.written}")
        typer.echo(plain(["", "", "questions", "flagged", "all", "without the flagged"], rows))


@app.command("support")
def support_command(
    split: Annotated[Literal["dev", "test"], typer.Option(help="Which half of the sentences.")] = "dev",
) -> None:
    """How well the check of generated sentences tells the supported from the others, by language and by fault."""
    with opened() as service:
        claims = support.read_claims(split)
        refused = dict(zip(claims, support.refused(claims, service.retriever), strict=True))
        faults = [None, *sorted({claim.fault for claim in claims if claim.fault})]
        kinds = [(fault or "supported", [c for c in claims if c.fault == fault]) for fault in faults]
        kinds.append(("any fault", [c for c in claims if c.fault]))
        columns = [support.LANGUAGES, *((language,) for language in support.LANGUAGES)]
        rows = [
            [name, *(_share_refused(refused, [c for c in found if c.language in languages]) for languages in columns)]
            for name, found in kinds
        ]
        typer.echo(plain(["refused as unsupported", "all", *support.LANGUAGES], rows))


def _share_refused(refused: Mapping[support.Claim, bool], claims: Sequence[support.Claim]) -> str:
    return cell(estimate([float(refused[claim]) for claim in claims]) if claims else None)


@app.command("stores")
def stores_command() -> None:
    """The best ten passages of every question, from the index on the disk and from the one in Milvus: how many both
    find. No scores of the questions are computed."""
    with clear_errors():
        settings = Settings()
        on_disk, in_milvus = (settings.model_copy(update={"store": store}) for store in ("disk", "milvus"))
        embedder = open_embedder(settings)
        with closing(open_service(on_disk, embedder)) as first, closing(open_service(in_milvus, embedder)) as second:
            found = stores.overlaps(_all_questions(first), first.retriever, second.retriever)
    typer.echo(
        plain(
            ["questions", "n", "in both, of ten", "least", "same order", "score apart"],
            [
                [o.language, f"{o.questions}", f"{o.mean:.4f}", f"{o.least:.1f}", f"{o.same:.1%}", f"{o.furthest:.1e}"]
                for o in found
            ],
        )
    )


@app.command("gate")
def gate_command(
    update: Annotated[bool, typer.Option(help="Keep today's scores as the expected ones.")] = False,
) -> None:
    """Fail (exit 1) where a dev score fell significantly below eval/expected.json; say which questions were lost."""
    with opened() as service:
        local = InProcess(service)
        run, _ = runs.execute(_questions(service, "dev"), local, _sources(service), local.ask)
        if update:
            gate.write_expected(run, "tenkyo eval gate --update")
            say("written to eval/expected.json")
            return
        typer.echo("\n".join(gate.check(run, gate.read_expected())))
