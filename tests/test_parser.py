"""Limits of the process that parses."""

import pytest
from made import report, word

from ingest.parser import Limits, parse
from ingest.pdf import read_pdf
from retriever.errors import SourceRefused


def refusal(content: bytes, kind: str, limits: Limits) -> str:
    with pytest.raises(SourceRefused) as error:
        parse(content, kind, limits)
    return error.value.code


def test_what_comes_back_is_what_was_read() -> None:
    assert parse(report(), "pdf") == read_pdf(report())


def test_a_file_that_is_too_slow_too_large_or_too_long_is_refused() -> None:
    assert refusal(report(), "pdf", Limits(seconds=0.01)) == "too_slow"
    assert refusal(report(), "pdf", Limits(characters=10)) == "too_large"
    assert refusal(word(), "docx", Limits(memory=30 * 2**20)) in ("too_large", "parser_crashed")


def test_a_refusal_comes_through_with_its_code() -> None:
    assert refusal(b"%PDF-1.7", "pdf", Limits()) == "file_truncated"
