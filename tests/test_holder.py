"""The index is switched again and again while questions come: none fails, none mixes generations."""

import hashlib
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api import holder as holder_module
from api.app import create_app
from api.citations.quotes import squeeze
from api.holder import ServiceHolder
from api.service import Service
from api.settings import Settings
from ingest import build
from retriever.embed import StaticModel
from retriever.errors import IndexDamaged, IndexMissing
from retriever.readers import wait_for_readers

QUESTION = "人型ロボットの出荷台数は何台ですか"
ASKERS, SWITCHES = 6, 5


def text_of(number: int) -> str:
    """Of the one document, another in each generation, with the answer at another place."""
    return f"{'これは前置きの文である。' * number}\n人型ロボットの出荷台数は{number}万台である。\n"


def publish(settings: Settings, model: StaticModel, number: int) -> str:
    """The generation that holds the text."""
    folder = settings.home / "files"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.txt").write_text(text_of(number), "utf-8")
    sha256 = hashlib.sha256(text_of(number).encode()).hexdigest()
    entry = f'id = "own"\nfile = "own.txt"\nsha256 = "{sha256}"\ntitle = "報告"\nlanguage = "ja"\n'
    (folder / "manifest.toml").write_text(f"[[documents]]\n{entry}", "utf-8")
    return build.ingest(settings.index, [folder], model, progress=lambda message: None).generation


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", corpus=tmp_path / "none")


def ask(client: TestClient) -> list[tuple[str, dict[str, Any]]]:
    """By the generation that answered, every citation or hit or match that was shown."""
    asked = client.post("/v1/ask", json={"question": QUESTION, "store": False}).raise_for_status().json()
    found = client.post("/v1/search", json={"query": QUESTION}).raise_for_status().json()
    assert asked["answered"]
    shown = [(asked["index_generation"], citation) for citation in asked["citations"]]
    return shown + [(found["index_generation"], hit | {"quote": hit["text"]}) for hit in found["hits"]]


def test_switched_under_load_no_request_fails_and_no_answer_mixes_generations(
    settings: Settings, model: StaticModel
) -> None:
    numbers = {publish(settings, model, 1): 1}
    done = threading.Event()
    with TestClient(create_app(settings)) as client, ThreadPoolExecutor(ASKERS) as pool:

        def ask_on() -> list[tuple[str, dict[str, Any]]]:
            shown = ask(client)
            while not done.is_set():
                shown += ask(client)
            return shown

        askers = [pool.submit(ask_on) for _ in range(ASKERS)]
        try:
            for number in range(2, SWITCHES + 2):
                numbers[publish(settings, model, number)] = number
                assert wait_for_readers(settings.index, 60) == 0
        finally:
            done.set()
        shown = [one for asker in askers for one in asker.result()]
        shown += ask(client)
    assert {generation for generation, _ in shown} == numbers.keys()
    for generation, one in shown:
        text = text_of(numbers[generation])
        assert squeeze("".join(text[start:end] for start, end in one["spans"])) == squeeze(one["quote"])
        assert one.get("source_sha256", digest(text)) == digest(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_old_generation_is_closed_when_its_last_request_ends(settings: Settings, model: StaticModel) -> None:
    publish(settings, model, 1)
    holder = ServiceHolder(settings)
    in_flight = holder.current()
    old, segment = weakref.ref(in_flight), in_flight.index.segments[0].name
    publish(settings, model, 2)
    assert wait_for_readers(settings.index, 60) == 0
    assert holder.current() is not in_flight
    assert in_flight.index.document("own").text == text_of(1)
    store = in_flight.index.segments[0].store
    del in_flight
    assert old() is None
    with pytest.raises(Exception, match="closed database"):
        store.document("own")
    del store
    deadline = time.monotonic() + 60
    while segment in Path("/proc/self/maps").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    holder.close()


def test_what_keeps_an_index_from_being_opened_is_said_until_there_is_one(
    settings: Settings, model: StaticModel
) -> None:
    holder = ServiceHolder(settings)
    with pytest.raises(IndexMissing):
        holder.current()
    first = publish(settings, model, 1)
    assert wait_for_readers(settings.index, 60) == 0
    assert holder.current().index.generation == first
    holder.close()
    (settings.index / "segments" / next((settings.index / "segments").iterdir()).name / "documents.txt").write_text("")
    holder = ServiceHolder(settings)
    with pytest.raises(IndexDamaged, match=r"documents\.txt"):
        holder.current()
    holder.close()


def test_an_index_that_python_tripped_over_is_opened_again(
    settings: Settings, model: StaticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, model, 1)
    holder = ServiceHolder(settings)
    opened, tripped = holder_module.open_service, threading.Event()

    def once(*given: Any) -> Service:
        if not tripped.is_set():
            tripped.set()
            raise SystemError("AST constructor recursion depth mismatch")
        return opened(*given)

    monkeypatch.setattr(holder_module, "open_service", once)
    second = publish(settings, model, 2)
    assert wait_for_readers(settings.index, 60) == 0
    assert (tripped.is_set(), holder.current().index.generation) == (True, second)
    holder.close()
