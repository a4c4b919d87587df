"""A run as one self-contained page that a phone can read, or as Markdown."""

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from eval.answers import risk_coverage
from eval.plots import curve, histogram, intervals
from eval.retrieval import WITHIN
from eval.run import Run, read_answers
from eval.tables import ANSWERS, LANGUAGES, RETRIEVAL, by_language, ids_where, markdown, slices, yardstick_rows

WORST = 25
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { max-width: 60rem; margin: 1rem auto; padding: 0 1rem; font: 16px/1.6 system-ui, sans-serif; }
  svg { max-width: 100%; height: auto; }
  .wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
  td, th { border-bottom: 1px solid #ccc; padding: .2rem .6rem; text-align: left; white-space: nowrap; }
  article { border-left: 3px solid #c66; padding-left: .8rem; margin: 1rem 0; } code { overflow-wrap: anywhere; }
</style>
<h1>$title</h1>
$body
</html>
""")


def to_markdown(run: Run, name: str) -> str:
    """Tables only."""
    parts = [f"# {name}\n", "Means in percent (length: characters) with 95% bootstrap intervals.\n"]
    parts.append("## Retrieval\n\n" + markdown(*_retrieval(run)))
    if "contained" in run.values:
        parts.append("## Answers\n\n" + markdown(*by_language(run, ANSWERS)))
        parts.append("## Refusing\n\n" + markdown(["", ""], [[k, f"{v:.3f}"] for k, v in run.summary.items()]))
    parts.append("## Slices\n\n" + markdown(*slices(run, WITHIN)))
    return "\n".join(parts)


def to_html(run: Run, folder: Path, name: str, sources: dict[str, str]) -> str:
    """Tables, plots, and (dev only) the questions that failed with what was found instead."""
    sections = [_table("Retrieval", _retrieval(run)), _plot_languages(run)]
    if "contained" in run.values:
        sections += [
            _table("Answers", by_language(run, ANSWERS)),
            _table("Refusing", (["", ""], [[k, f"{v:.3f}"] for k, v in run.summary.items()])),
            "<h2>Risk and coverage</h2>" + curve(_risk(run)),
            "<h2>Latency</h2>" + histogram(_latencies(folder)),
        ]
    sections.append(_table("Slices", slices(run, WITHIN)))
    if all(question.split == "dev" for question in run.questions):
        sections.append(_worst(run, folder, sources))
    sections.append(
        f"<h2>Manifest</h2><pre class=wide>{escape(json.dumps(run.manifest, ensure_ascii=False, indent=1))}</pre>"
    )
    return _PAGE.substitute(title=escape(name), body="\n".join(sections))


def _retrieval(run: Run) -> tuple[list[str], list[list[str]]]:
    """The yardstick first, so that no score stands alone."""
    header, rows = by_language(run, RETRIEVAL)
    return header, [*yardstick_rows(run), *rows]


def _table(title: str, table: tuple[list[str], list[list[str]]]) -> str:
    header, rows = table
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _plot_languages(run: Run) -> str:
    found = {lang: run.estimate(WITHIN, ids_where(run.questions, language=lang)) for lang in LANGUAGES}
    return intervals({lang: e for lang, e in found.items() if e}, "evidence within 2,000 characters")


def _risk(run: Run) -> list[tuple[float, float]]:
    ids = [q.id for q in run.questions if q.answerable]
    return risk_coverage([run.values["confidence"][i] for i in ids], [run.values["contained"][i] for i in ids])


def _latencies(folder: Path) -> list[float]:
    return [1000 * seconds for seconds in json.loads((folder / "latency.json").read_text("utf-8")).values()]


def _worst(run: Run, folder: Path, sources: dict[str, str]) -> str:
    """Dev questions whose evidence was not found: the gold, and what was answered instead."""
    answers: dict[str, Any] = read_answers(folder)
    lost = [q for q in run.questions if q.answerable and not run.values[WITHIN][q.id]]
    articles = []
    for question in lost[:WORST]:
        place = question.evidence[0][0]
        gold = sources[place.document][place.start : place.end]
        said = answers.get(question.id, {}).get("answer") or "(refused)"
        articles.append(
            f"<article><p><b>{escape(question.text)}</b> <code>{escape(question.id)}</code></p>"
            f"<p>Gold: {escape(gold)}</p><p>Instead: {escape(said)}</p></article>"
        )
    return f"<h2>Not found ({len(lost)} dev questions, the first {len(articles)})</h2>" + "".join(articles)
