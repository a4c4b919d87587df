"""Evidence packs: a kept answer with its citations as one file to file away, print or open in a spreadsheet.

Whatever comes from a question or a document is shown as it reads and does nothing: HTML and Markdown are escaped by
their environments, cells of a CSV that a spreadsheet would run as a formula are guarded.
"""

import csv
import io
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote as percent_encode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api import schemas
from ingest import invisible

WEB = Path(__file__).with_name("web")
Format = Literal["html", "markdown", "csv"]
MEDIA_TYPES: dict[Format, str] = {"html": "text/html", "markdown": "text/markdown", "csv": "text/csv"}
COLUMNS = (
    "answer_id question created language mode degraded answered answer short_answer gloss abstention evidence number "
    "quote title author publisher section page published source_note licence_note status source_sha256 spans "
    "source_sha256_now spans_now link"
).split()
"""Of the CSV; mostly the names of the HTTP contract. `evidence`: citation, or nearest where nothing was answered."""
FACTS = (
    "author publisher section page published source_note licence_note source_sha256 spans source_sha256_now spans_now"
).split()
"""What a pack tells of a citation beside its title, quote, status and link."""
_SUFFIXES: dict[Format, str] = {"html": "html", "markdown": "md", "csv": "csv"}
_LINE_END = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#|~&$^]|:(?=//)|(?<=www)\.")
_SPACES = re.compile(r"\s+")
_LINE_START = re.compile(r"([+\-=:])|(\d{1,9})([.)])")
_MARK = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Pack:
    content: bytes
    media_type: str
    filename: str


def pack(answer: schemas.AnswerOut, kind: Format, base_url: str = "", checked: datetime | None = None) -> Pack:
    """`answer` as `api.recheck` left it; `checked`: when that was, now by default."""
    words = labels(answer.language)
    view = _view(answer, base_url.rstrip("/"), words, checked or datetime.now(UTC))
    if kind == "csv":
        content = _csv(view)
    else:
        content = _environment(kind).get_template(f"evidence.{_SUFFIXES[kind]}").render(view, labels=words).encode()
    return Pack(content, f"{MEDIA_TYPES[kind]}; charset=utf-8", f"tenkyo-{answer.answer_id}.{_SUFFIXES[kind]}")


@cache
def _all_labels() -> dict[str, dict[str, str]]:
    return tomllib.loads((WEB / "labels.toml").read_text("utf-8"))


def labels(language: str) -> dict[str, str]:
    return _all_labels().get(language, _all_labels()["ja"])


def _view(answer: schemas.AnswerOut, base_url: str, words: dict[str, str], checked: datetime) -> dict[str, Any]:
    """What the formats show: plain values, invisible characters spelt out."""
    cited = answer.abstention.nearest if answer.abstention else answer.citations
    pieces = _pieces(answer, words)
    intact = sum(citation.status == "intact" for citation in cited)
    view: dict[str, Any] = spelt(answer.model_dump()) | {"created": _minute(answer.created)}
    return view | {
        "facts": [
            (words["asked"], view["created"], None),
            (words["checked"], _minute(checked), None),
            (words["mode"], words[answer.mode], None),
            (words["degraded"], view["degraded"], "en"),
            (words["generation"], answer.index_generation, None),
            ("ID", answer.answer_id, None),
        ],
        "pieces": pieces,
        "answer_with_notes": "".join(p["text"] + (f" ({p['note']})" if p["note"] else "") for p in pieces),
        "cited": [_citation(citation, base_url, words) for citation in cited],
        "summary": words["summary"].format(intact=intact, total=len(cited)),
        "all_intact": intact == len(cited),
    }


def _citation(citation: schemas.CitationOut, base_url: str, words: dict[str, str]) -> dict[str, Any]:
    """`facts`: label, value and the value's language where that is the document's own."""
    now = citation.now
    shown: dict[str, Any] = spelt(citation.model_dump())
    shown |= {
        "section": " › ".join(shown["section"]),
        "spans": _ranges(citation.spans),
        "spans_now": _ranges(now.spans) if now else "",
        "source_sha256_now": now.source_sha256 if now else "",
        "link": _link(citation, base_url),
    }
    own = ("author", "publisher", "section")
    return shown | {"facts": [(words[key], shown[key], shown["language"] if key in own else None) for key in FACTS]}


def _link(citation: schemas.CitationOut, base_url: str) -> str:
    """To the quote where it stands now, to the document where it no longer does, nowhere where that is gone."""
    if citation.status == "missing":
        return ""
    url = citation.now.url if citation.now else citation.url
    return percent_encode(base_url + (url.split("#")[0] if citation.status == "changed" else url), ":/?#[]@,;=&%~")


def _pieces(answer: schemas.AnswerOut, words: dict[str, str]) -> list[dict[str, Any]]:
    """The answer in order: sentences, and between them its marks. A [1] within a quote is the source's own."""
    text, at, pieces = answer.answer or "", 0, []
    for sentence in answer.sentences:
        note = "" if sentence.support == "verbatim" else words[sentence.support]
        pieces += _marks(text[at : sentence.start])
        pieces.append({"text": spelt(text[sentence.start : sentence.end]), "number": None, "note": note})
        at = sentence.end
    return pieces + _marks(text[at:])


def _marks(text: str) -> list[dict[str, Any]]:
    found = [(piece, number % 2) for number, piece in enumerate(_MARK.split(text)) if piece]
    return [
        {"text": f"[{piece}]" if is_mark else spelt(piece), "number": piece if is_mark else None, "note": ""}
        for piece, is_mark in found
    ]


def spelt(value: Any) -> Any:
    """Invisible characters as ⟦U+202E⟧, and every kind of line end as `\\n`."""
    if isinstance(value, str):
        return invisible.spelt(_LINE_END.sub("\n", value))
    if isinstance(value, dict):
        return {key: spelt(item) for key, item in value.items()}
    return [spelt(item) for item in value] if isinstance(value, list) else value


def _ranges(spans: list[schemas.SpanPair]) -> str:
    """With an en dash: a spreadsheet would take 5-14 for a day in May."""
    return ", ".join(f"{start}–{end}" for start, end in spans)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@cache
def _environment(kind: Format) -> Environment:
    """Every expression of a template is escaped; only what a filter made `Markup` is not."""
    shared: dict[str, Any] = {
        "loader": FileSystemLoader(WEB),
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
    }
    if kind == "html":
        environment = Environment(autoescape=True, **shared)
    else:
        environment = Environment(finalize=_in_markdown, **shared)
    environment.filters |= {"quoted": quoted, "linked": linked, "stated": stated}
    return environment


def _in_markdown(value: Any) -> str:
    return value if isinstance(value, Markup) else in_markdown(str(value))


def in_markdown(text: str) -> str:
    """On one line, so that CommonMark and its common extensions read it as the characters that it is made of."""
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", _SPACES.sub(" ", text))


def quoted(text: str) -> Markup:
    """A block quote, line for line."""
    lines = (in_markdown(line.strip()) for line in text.split("\n") if line.strip())
    starts = (_LINE_START.sub(_escape_start, line, count=1) if _LINE_START.match(line) else line for line in lines)
    return Markup("> " + "\\\n> ".join(starts))


def linked(url: str) -> Markup:
    return Markup(f"[{in_markdown(url)}](<{url}>)")


def stated(value: dict[str, Any]) -> str:
    """One side of a disagreement: 「5,784億元 (2023)」."""
    unit = value["unit"] if value["unit"] and not value["value"].endswith(value["unit"]) else ""
    return f"{value['value']}{unit}" + (f" ({value['as_of']})" if value["as_of"] else "")


def _escape_start(found: re.Match[str]) -> str:
    return f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}"


def _csv(view: dict[str, Any]) -> bytes:
    """RFC 4180 with a byte order mark, by which Excel knows UTF-8."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    short, abstention = view["short_answer"] or {}, view["abstention"] or {}
    own = view | {
        "short_answer": short.get("text"),
        "gloss": short.get("gloss"),
        "abstention": abstention.get("reason"),
        "evidence": "nearest" if abstention else "citation",
    }
    for citation in view["cited"]:
        row = own | citation | {"language": view["language"]}
        rows.writerow([_guarded(row[column]) for column in COLUMNS])
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _guarded(value: Any) -> str:
    """What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection)."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if _FORMULA.match(text) else text
