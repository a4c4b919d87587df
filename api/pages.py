"""The pages: server-rendered, in three languages, with small scripts that call the HTTP API. No outside host."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.staticfiles import StaticFiles

from api.noted import request as noted_request
from api.routes import ServiceDep
from ingest.invisible import replaced

WEB = Path(__file__).with_name("web")
LANGUAGES = (("ja", "日本語"), ("en", "English"), ("zh", "中文"))
VIEWS = (("ask", "/"), ("lookup", "/lookup"), ("library", "/library"), ("history", "/history"))
EXAMPLES = {
    "ja": ("中国のAI企業は世界の何割を占めますか", "低空経済とは何ですか", "国産GPUメーカーにはどんな会社がありますか"),
    "en": (
        "What share of the world's AI companies is Chinese?",
        "How large was China's core AI industry at the end of 2023?",
        "What is the low-altitude economy?",
    ),
    "zh": ("中国的AI企业占全球的几成？", "2023年底中国AI核心产业的规模是多少？", "什么是低空经济？"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}
"""The others are those of every response."""

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)
static = StaticFiles(directory=WEB)
Language = Annotated[Literal["ja", "en", "zh"], Query(alias="lang")]


@router.get("/")
async def ask_page(lang: Language = "ja") -> HTMLResponse:
    """Asks questions, or shows the kept answer that `answer` names."""
    return _page("ask", lang, examples=EXAMPLES[lang])


@router.get("/lookup")
async def lookup_page(lang: Language = "ja") -> HTMLResponse:
    """Checks a pasted sentence or figure against the sources."""
    return _page("lookup", lang)


@router.get("/library")
async def library_page(lang: Language = "ja") -> HTMLResponse:
    """The documents: adds and deletes them."""
    return _page("library", lang)


@router.get("/history")
async def history_page(lang: Language = "ja") -> HTMLResponse:
    """Kept answers, checked against today's documents."""
    return _page("history", lang)


@router.get("/documents/{doc_id}")
async def source_page(doc_id: str, service: ServiceDep, lang: Language = "ja") -> HTMLResponse:
    """A page with the source text; `#start-end` lights a place in it."""
    document = service.index.document(doc_id)
    # what is invisible shows as a sign of its own, so that places stay; a parser would turn a bare \r into a line end
    text = Markup(escape(replaced(document.text, "�")).replace("\r", Markup("&#13;")))
    return _page("source", lang, document=document, text=text, heading=document.title)


def sign_in_page(request: Request) -> HTMLResponse:
    """In place of a page that needs a key; once it is given, the page itself comes."""
    lang = request.query_params.get("lang")
    return _page("sign_in", lang if lang in dict(LANGUAGES) else "ja", status=401, views=())


def _page(view: str, lang: str, status: int = 200, **values: Any) -> HTMLResponse:
    words, noted = _words()[lang], noted_request.get()
    shown = {"heading": words.get(view, ""), "script": view, "current": view, "views": VIEWS} | values
    signed_in = bool(noted and noted.key_id)
    body = (
        _templates()
        .get_template(f"{view}.html")
        .render(words=words, lang=lang, languages=LANGUAGES, signed_in=signed_in, **shown)
    )
    return HTMLResponse(body, status, headers=HEADERS)


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((WEB / "words.toml").read_text("utf-8"))


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(WEB), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
