"""Bytes → text: which encoding it is, decided in a fixed order, strictly."""

import re

from retriever.errors import SourceRefused

_MARKS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
_NAMES = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-8": "UTF-8", "cp932": "Shift_JIS", "euc_jp": "EUC-JP"}
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]|\x1b\([BJI]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_HALF_WIDTH = re.compile(r"[\uff61-\uff9f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(content: bytes) -> tuple[str, str]:
    """The text and the encoding's name. Raises `SourceRefused`, with the first byte that is no UTF-8."""
    for encoding, mark in _MARKS:
        if content.startswith(mark):
            return _checked(_decode_marked(content, encoding)), _NAMES[encoding]
    if _ISO_2022_JP.search(content) and (text := _try(content, "iso2022_jp")) is not None:
        return _checked(text), "ISO-2022-JP"
    try:
        return _checked(content.decode("utf-8")), "UTF-8"
    except UnicodeDecodeError as error:
        place = f"byte 0x{content[error.start]:02x} at offset {error.start}"
    if content.count(0):
        raise SourceRefused(f"no text file: it holds the control character U+0000 at {content.index(0)}.", "not_text")
    readings = [(text, name) for name in ("cp932", "euc_jp") if (text := _try(content, name)) is not None]
    text, name = max(readings, key=lambda reading: _japanese(reading[0]), default=("", ""))
    if _japanese(text) <= 0:
        raise SourceRefused(
            f"neither UTF-8 ({place}) nor Shift_JIS nor EUC-JP with any kana. Save it as UTF-8, then try again.",
            "unknown_encoding",
        )
    return _checked(text), _NAMES[name]


def _decode_marked(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"not {_NAMES[encoding]}, though it begins with its mark: byte 0x{content[error.start]:02x} "
            f"at offset {error.start}. Save it as UTF-8, then try again.",
            "unknown_encoding",
        ) from error


def _try(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _japanese(text: str) -> int:
    """Kana speak for a reading; half-width kana, which the wrong one is full of, against it."""
    return len(_KANA.findall(text)) - len(_HALF_WIDTH.findall(text))


def _checked(text: str) -> str:
    if control := _CONTROL.search(text):
        raise SourceRefused(
            f"no text file: it holds the control character U+{ord(control[0]):04X} at {control.start()}.", "not_text"
        )
    return text
