"""`tenkyo ask` in a terminal and in a pipe."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from test_cli import TENKYO, run

from api.schemas import AskIn, SentenceOut
from api.service import Service
from api.terminal import Ink, answer_text

QUESTION = "露光装置の国産比率は？"
SENTENCE = "一方で、露光装置に関しては依然として海外依存が強く、国産比率は 1%未満にとどまっています。"
TITLE = "2025年度第2回 アジア立志塾開催報告 (2025-09-25)"
URL = "/documents/004_17361f999aa8c8f0#1736-1782"
PLAIN = f"1%未満\n\n{SENTENCE}[1]\n\n[1] {TITLE}  {URL}\n"


def in_terminal(home: Path, *arguments: str, **settings: str) -> str:
    """What a process writes whose stdout is a terminal."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    environment |= {"TENKYO_HOME": str(home), "TERM": "xterm", **settings}
    process = subprocess.Popen([*TENKYO, *arguments], cwd=ROOT, env=environment, stdout=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # Linux tells so that the other end is closed
            break
        if not read:
            break
        written += read
    os.close(ours)
    assert process.wait(60) == 0
    return written.decode().replace("\r\n", "\n")


def test_quotes_are_lit_marks_bold_and_sources_linked(home: Path) -> None:
    address = "http://127.0.0.1:8000"
    link = f"\x1b]8;;{address}{URL}\x1b\\{TITLE}\x1b]8;;\x1b\\"
    assert in_terminal(home, "ask", QUESTION, "--base-url", address) == (
        f"\x1b[33m1%未満\x1b[0m\n\n\x1b[33m{SENTENCE}\x1b[0m\x1b[1m[1]\x1b[0m\n\n"
        f"\x1b[1m[1]\x1b[0m {link}  \x1b[2m{address}{URL}\x1b[0m\n"
    )
    assert "\x1b]8" not in in_terminal(home, "ask", QUESTION)


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour_shows_plain_text(home: Path, settings: dict[str, str]) -> None:
    assert in_terminal(home, "ask", QUESTION, **settings) == PLAIN


def test_a_pipe_gets_plain_text(home: Path) -> None:
    assert run(home, "ask", QUESTION).stdout == PLAIN
    with_address = run(home, "ask", QUESTION, "--base-url", "http://127.0.0.1:8000/").stdout
    assert with_address == PLAIN.replace(URL, f"http://127.0.0.1:8000{URL}")
    assert run(home, "ask", QUESTION, "--base-url", "javascript:x").returncode == 2


@pytest.mark.parametrize("question", [QUESTION, "米国と中国のAI企業の割合", "2024年の民間AI投資額", "今日の天気は？"])
def test_lit_or_not_an_answer_says_the_same(service: Service, question: str) -> None:
    answer = service.ask(AskIn(question=question, store=False))
    plain, lit = answer_text(answer, Ink()), answer_text(answer, Ink(lit=True, terminal=True))
    assert re.sub(r"\x1b\[\d+m", "", lit) == plain
    assert (answer.answer or "") in plain


def test_nothing_in_a_document_steers_the_terminal(service: Service) -> None:
    answer = service.ask(AskIn(question=QUESTION, store=False))
    text = "\x1b]0;title\x07\u202e引用"
    sentence = SentenceOut(text=text, start=0, end=len(text), citations=[1], support="supported", parts=[])
    hostile = answer.model_copy(update={"answer": f"{text}[1]", "sentences": [sentence], "short_answer": None})
    shown = answer_text(hostile, Ink(lit=True, terminal=True)).split("\n")[0]
    assert shown == "⟦U+001B⟧]0;title⟦U+0007⟧⟦U+202E⟧引用\x1b[1m[1]\x1b[0m"
