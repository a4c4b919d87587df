"""Files → documents. The bytes are checked before anything else is done with them."""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.decode import decode
from ingest.extracted import READABLE, Extracted, Extractions
from ingest.invisible import visible
from ingest.parser import LIMITS, parse
from retriever.errors import BadFilter, SourceRefused
from retriever.filters import date_interval
from retriever.language import detect_language
from retriever.records import Document

EXTRACTOR = "text/1"
MANIFEST = "manifest.toml"
SUFFIXES = (".txt", ".md", ".markdown", ".pdf", ".docx", ".html", ".htm", ".xhtml")
"""What is looked for in folders; what a file is, its content says."""

MOST_BYTES = 100 * 1024 * 1024
PARSED = ("pdf", "docx", "html")
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.I | re.S,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_UNREADABLE = {
    _OLE: "a file of an old Office version: save it as .docx",
    b"{\\rtf": "an RTF file: save it as .docx",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
}
_REQUIRED = ("id", "file", "sha256", "title", "language")
_OPTIONAL = ("author", "publisher", "published", "published_basis", "source_note", "licence_note")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LINE_END = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


@dataclass(frozen=True)
class Source:
    """A file to take in, with what a manifest or a person says of it. `name`: as it is shown, where not by its path."""

    path: Path
    metadata: dict[str, Any]
    sha256: str | None = None
    name: str | None = None

    @property
    def shown(self) -> str:
        return self.name or str(self.path)


def find_sources(path: Path) -> list[Source]:
    """A file; or a folder: what its manifest lists, or else all its text files. Raises `SourceRefused`."""
    if path.is_file():
        return [Source(path, {})]
    if not path.is_dir():
        raise SourceRefused(f"{path}: there is no such file or folder.")
    if (path / MANIFEST).exists():
        return _read_manifest(path / MANIFEST)
    found = [Source(file, {}) for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not found:
        raise SourceRefused(f"{path}: the folder holds no {', '.join(SUFFIXES)} file and no {MANIFEST}.")
    return found


def _read_manifest(path: Path) -> list[Source]:
    try:
        manifest = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceRefused(f"{path}: this is no valid TOML: {error}.") from error
    entries = manifest.get("documents")
    if manifest.keys() != {"documents"} or not isinstance(entries, list):
        raise SourceRefused(f"{path}: it must hold [[documents]] entries and nothing else.")
    seen: set[str] = set()
    sources: list[Source] = []
    for number, entry in enumerate(entries, start=1):
        _check_entry(f"{path}, document {number}", entry, seen)
        seen.add(entry["id"])
        metadata = {key: entry[key] for key in ("id", "title", "language", *_OPTIONAL) if key in entry}
        sources.append(Source(path.parent / entry["file"], metadata, entry["sha256"].lower()))
    return sources


def _check_entry(where: str, entry: Any, seen: set[str]) -> None:
    """Raises `SourceRefused`, naming the document and the key."""
    if not isinstance(entry, dict):
        raise SourceRefused(f"{where}: this is no [[documents]] entry.")
    if missing := [key for key in _REQUIRED if not entry.get(key)]:
        raise SourceRefused(f"{where}: {', '.join(missing)} missing. Needed are {', '.join(_REQUIRED)}.")
    if unknown := sorted(entry.keys() - {*_REQUIRED, *_OPTIONAL}):
        raise SourceRefused(
            f"{where}: unknown key {', '.join(unknown)}. Known are {', '.join((*_REQUIRED, *_OPTIONAL))}."
        )
    if wrong := [key for key, value in entry.items() if not isinstance(value, str)]:
        raise SourceRefused(f"{where}: {', '.join(wrong)} must be written as a string, in quotation marks.")
    if not _ID.fullmatch(entry["id"]) or entry["id"] in seen:
        raise SourceRefused(f"{where}: id {entry['id']!r} must be new and of letters, digits, _ and - (64 at most).")
    if not _LANGUAGE.fullmatch(entry["language"]):
        raise SourceRefused(f"{where}: language {entry['language']!r} must be a code such as ja.")
    if entry.get("published_basis", "stated") not in ("stated", "inferred"):
        raise SourceRefused(f"{where}: published_basis {entry['published_basis']!r} must be stated or inferred.")
    try:
        date_interval(entry.get("published", "2000"))
    except BadFilter as error:
        raise SourceRefused(f"{where}: published: {error}") from error


def load(source: Source, extractions: Extractions | None = None) -> Document:
    """Read, check and extract one file. Raises `SourceRefused`, naming the file and what is wrong with it.

    `extractions`: where texts are kept, so that no file is ever extracted twice.
    """
    content = _read(source)
    sha256 = hashlib.sha256(content).hexdigest()
    if source.sha256 and source.sha256 != sha256:
        raise SourceRefused(
            f"{source.shown}: the file has SHA-256 {sha256}, its manifest says {source.sha256}. "
            "Restore the file, or change the manifest if the new text is meant."
        )
    name = Path(source.name or source.path.name)
    try:
        found = _extract(content, sha256, name, extractions)
    except SourceRefused as error:
        raise SourceRefused(f"{source.shown}: {error}", error.code) from error
    first_line = next((line for line in map(on_a_line, found.text.split("\n")) if line), on_a_line(name.stem))
    metadata: dict[str, Any] = {key: on_a_line(value) for key, value in source.metadata.items()}
    return Document(
        doc_id=metadata.pop("id", sha256[:16]),
        title=metadata.pop("title", on_a_line(found.title or "") or first_line[:80]),
        text=found.text,
        file_sha256=sha256,
        source_sha256=hashlib.sha256(found.text.encode()).hexdigest(),
        language=metadata.pop("language", None) or detect_language(found.text[:2000]),
        media_type=found.media_type,
        extractor=found.extractor,
        pages=found.pages,
        blank_pages=found.blank_pages,
        encoding=found.encoding,
        filename=name.name,
        **metadata,
    )


def on_a_line(text: str) -> str:
    """A title or a name as a reader sees it: nothing invisible, no line end."""
    return _LINE_END.sub(" ", visible(text)).strip()


def content_id(source: Source) -> str:
    """The id of a document that nobody gave one. Raises `SourceRefused`."""
    return hashlib.sha256(_read(source)).hexdigest()[:16]


def is_named_by_content(document: Document) -> bool:
    """Whether the id was made from the file's content: nobody gave the document a name."""
    return document.doc_id == document.file_sha256[:16]


def blank_pages_note(pages: Sequence[int]) -> str:
    return f"Page{'s' * (len(pages) > 1)} {', '.join(map(str, pages))}: no text (scanned?)."


def _read(source: Source) -> bytes:
    try:
        if source.path.stat().st_size > MOST_BYTES:
            raise SourceRefused(f"{source.shown}: the file is larger than {MOST_BYTES:,} bytes.", "too_large")
        return source.path.read_bytes()
    except OSError as error:
        raise SourceRefused(f"{source.shown}: can't be read ({error.strerror}).") from error


def _extract(content: bytes, sha256: str, name: Path, extractions: Extractions | None) -> Extracted:
    """The kept text of these bytes, or a new one. Plain UTF-8 is never kept: it is its own text."""
    if extractions is not None and (kept := extractions.find(sha256)):
        return kept
    kind = kind_of(content, name.suffix.lower())
    found = parse(content, kind) if kind in PARSED else _decoded(content, kind)
    if extractions is not None and found.extractor != EXTRACTOR:
        extractions.keep(sha256, found)
    return found


def kind_of(content: bytes, suffix: str) -> str:
    """pdf, docx, html, markdown or plain: by what the file begins with, whatever it is called.

    The suffix only tells apart kinds of text. Raises `SourceRefused` for what can't be read at all.
    """
    if not content:
        raise SourceRefused("the file is empty (0 bytes).", "file_empty")
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return "docx"
    if content.startswith(_OLE) and _ENCRYPTED_OFFICE in content:
        raise SourceRefused("the file is encrypted. Save it without its password, then try again.", "file_encrypted")
    if kind := next((kind for start, kind in _UNREADABLE.items() if content.startswith(start)), None):
        raise SourceRefused(f"this is {kind}. {READABLE}", "unknown_format")
    if _HTML.match(content[:4096]) or (suffix in _HTML_SUFFIXES and b"<" in content):
        return "html"
    return "markdown" if suffix in (".md", ".markdown") else "plain"


def _decoded(content: bytes, kind: str) -> Extracted:
    text, encoding = decode(content)
    if not text.strip():
        raise SourceRefused(
            f"the file is empty ({len(content)} bytes). Give it some text, or leave it out.", "file_empty"
        )
    if len(text) > LIMITS.characters:
        raise SourceRefused(
            f"it holds {len(text):,} characters, {LIMITS.characters:,} are allowed. Split it, then try again.",
            "too_large",
        )
    extractor = EXTRACTOR if encoding == "UTF-8" else f"{EXTRACTOR} {encoding}"
    return Extracted(text, f"text/{kind}", extractor, encoding=encoding)
