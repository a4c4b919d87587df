"""Files → documents. The bytes are checked before anything else is done with them."""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.invisible import visible
from retriever.errors import BadFilter, SourceRefused
from retriever.filters import date_interval
from retriever.language import detect_language
from retriever.records import Document

EXTRACTOR = "text/1"
MANIFEST = "manifest.toml"
SUFFIXES = (".txt", ".md")
_REQUIRED = ("id", "file", "sha256", "title", "language")
_OPTIONAL = ("author", "publisher", "published", "published_basis", "source_note", "licence_note")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LINE_END = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class Source:
    """A file to take in, with what a manifest says of it."""

    path: Path
    metadata: dict[str, Any]
    sha256: str | None = None


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
        raise SourceRefused(f"{path}: the folder holds no {' or '.join(SUFFIXES)} file and no {MANIFEST}.")
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


def load(source: Source) -> Document:
    """Read, check and decode one file. Raises `SourceRefused`, naming the file and what is wrong with it."""
    try:
        content = source.path.read_bytes()
    except OSError as error:
        raise SourceRefused(f"{source.path}: can't be read ({error.strerror}).") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if source.sha256 and source.sha256 != sha256:
        raise SourceRefused(
            f"{source.path}: the file has SHA-256 {sha256}, its manifest says {source.sha256}. "
            "Restore the file, or change the manifest if the new text is meant."
        )
    text = _decode(source.path, content)
    first_line = next((line for line in map(on_a_line, text.split("\n")) if line), on_a_line(source.path.stem))
    metadata: dict[str, Any] = {key: on_a_line(value) for key, value in source.metadata.items()}
    return Document(
        doc_id=metadata.pop("id", sha256[:16]),
        title=metadata.pop("title", first_line[:80]),
        text=text,
        file_sha256=sha256,
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        language=metadata.pop("language", None) or detect_language(text[:2000]),
        media_type="text/markdown" if source.path.suffix.lower() == ".md" else "text/plain",
        extractor=EXTRACTOR,
        **metadata,
    )


def on_a_line(text: str) -> str:
    """A title or a name as a reader sees it: nothing invisible, no line end."""
    return _LINE_END.sub(" ", visible(text)).strip()


def is_named_by_content(document: Document) -> bool:
    """Whether the id was made from the file's content: nobody gave the document a name."""
    return document.doc_id == document.file_sha256[:16]


def _decode(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"{path}: not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}. "
            "Convert it (iconv -t UTF-8), then try again."
        ) from error
    if not text.strip():
        raise SourceRefused(f"{path}: the file is empty ({len(content)} bytes). Give it some text, or leave it out.")
    if control := _CONTROL.search(text):
        raise SourceRefused(
            f"{path}: no text file: it holds the control character U+{ord(control[0]):04X} at {control.start()}."
        )
    return text
