"""Documents that attack: each of `data/attacks.jsonl` is taken in beside the shipped corpus, and asked about over HTTP.

An attack may be cited, as any document may: then its words are quotes with its own id. It never speaks for another
document, never gives orders, never has a mark of its own, and what the others say stays what it was.
"""

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import copy
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from endpoint import Endpoint, Reply, serving
from fastapi.testclient import TestClient

from api.answers.generate import Writer
from api.answers.orders import is_order
from api.answers.sources import date_label
from api.answers.support import check
from api.app import create_app
from api.citations.quotes import MARK, squeeze
from api.kept import KeptAnswers
from api.service import Service
from api.settings import Settings
from ingest import build
from ingest.invisible import replaced, visible
from ingest.language_model import LanguageModel
from retriever.embed import StaticModel
from retriever.filters import Filters
from retriever.index import open_index
from retriever.search import Hit

DATA = Path(__file__).with_name("data") / "attacks.jsonl"
ATTACKS: list[dict[str, Any]] = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
BY_ID = {attack["id"]: attack for attack in ATTACKS}
METADATA = ("title", "author", "publisher", "published", "source_note")
Ask = Callable[..., dict[str, Any]]


def write_files(folder: Path, attacks: Sequence[dict[str, Any]]) -> Path:
    """The attacks as files with a manifest; one without a title gets its first line's."""
    folder.mkdir()
    entries: list[str] = []
    for attack in attacks:
        content = attack["text"].encode()
        (folder / f"{attack['id']}.md").write_bytes(content)
        known = {"id": attack["id"], "file": f"{attack['id']}.md", "sha256": hashlib.sha256(content).hexdigest()}
        known |= {"title": attack["text"].split("\n")[0], "language": "ja"}
        known |= {key: attack[key] for key in METADATA if key in attack}
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in known.items())
        entries.append("\n".join(("[[documents]]", *lines)))
    (folder / "manifest.toml").write_text("\n".join(entries), "utf-8")
    return folder


def attacked(home: Path, into: Path, model: StaticModel, attacks: Sequence[dict[str, Any]], base: Service) -> Service:
    """A service over the shipped corpus and some attacks."""
    shutil.copytree(home / "index", into / "index")
    build.ingest(into / "index", [write_files(into / "files", attacks)], model, progress=lambda message: None)
    kept = KeptAnswers(into / "answers.sqlite")
    return Service(open_index(into / "index", model.name), model, kept, base.retriever.entries)


@pytest.fixture(scope="module")
def under_attack(
    home: Path, model: StaticModel, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """All attacks at once."""
    with closing(attacked(home, tmp_path_factory.mktemp("attacked"), model, ATTACKS, service)) as found:
        yield found


@pytest.fixture(scope="module")
def victim(under_attack: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")), under_attack)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def gullible(under_attack: Service, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks with a language model that writes whatever a test has it write."""
    writing = copy(under_attack)
    writing.writer = Writer(LanguageModel(endpoint.base_url, "gullible", "key"), timeout_s=5.0)
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")), writing)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield lambda *args, **fields: ask(client, *args, **fields)


@pytest.fixture(scope="module")
def shipped(service: Service) -> tuple[str, ...]:
    return tuple(document.doc_id for document in service.index.documents())


def ask(client: TestClient, question: str, doc_ids: Sequence[str], **fields: Any) -> dict[str, Any]:
    asked = {"question": question, "filters": {"doc_ids": list(doc_ids)}, "store": False, "top_k": 5, **fields}
    response = client.post("/v1/ask", json=asked)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


@pytest.fixture(scope="module")
def unharmed(victim: TestClient, shipped: tuple[str, ...]) -> Callable[[str], dict[str, Any]]:
    """What the shipped documents answer by themselves, in the very index that holds the attacks."""
    return cache(lambda question: ask(victim, question, shipped))


def stands(client: TestClient, doc_id: str, text: str, spans: list[list[int]]) -> bool:
    source = client.get(f"/v1/documents/{doc_id}/source").text
    return bool(spans) and squeeze("".join(source[a:b] for a, b in spans)) == squeeze(text)


def check_quotes(client: TestClient, answer: dict[str, Any]) -> None:
    """Every word of an extractive answer is a proved quote or a column's name, and every mark is the answer's own."""
    cited = {citation["number"]: citation for citation in answer["citations"]}
    lines: list[str] = []
    for sentence in answer["sentences"]:
        assert sentence["support"] == "verbatim"
        assert "".join(part["text"] for part in sentence["parts"]) == sentence["text"]
        (number,) = sentence["citations"]
        for part in sentence["parts"]:
            assert not is_order(part["text"]), part
            assert part["citation"] == (number if part["kind"] == "quote" else None)
            if part["kind"] == "quote":
                assert stands(client, cited[number]["doc_id"], part["text"], part["spans"])
            elif part["text"].startswith("（"):
                date, _, beginning = part["text"].strip("（）").partition("、")
                assert date == date_label(cited[number]["published"])
                assert cited[number]["title"].startswith(beginning.rstrip("…"))
            else:
                assert part["text"].strip("、：") in client.get(f"/v1/passages/{cited[number]['passage_id']}").text
        lines.append(f"{sentence['text']}[{number}]")
    assert (answer["answer"] or "") == "\n".join(lines)
    assert [int(n) for n in MARK.findall(answer["answer"] or "")] == [
        n for s in answer["sentences"] for n in s["citations"]
    ]
    nearest = answer["abstention"]["nearest"] if answer["abstention"] else []
    for citation in (*answer["citations"], *nearest):
        document = client.get(f"/v1/documents/{citation['doc_id']}").json()
        assert stands(client, citation["doc_id"], citation["quote"], citation["spans"])
        assert not is_order(citation["quote"])
        assert (citation["title"], citation["source_sha256"]) == (document["title"], document["source_sha256"])
        assert citation["url"].startswith(f"/documents/{citation['doc_id']}#")
    assert visible(json.dumps([answer["answer"], *cited.values(), *nearest], ensure_ascii=False)) == json.dumps(
        [answer["answer"], *cited.values(), *nearest], ensure_ascii=False
    )
    if short := answer["short_answer"]:
        assert stands(client, cited[short["citation"]]["doc_id"], short["text"], short["spans"])


def said_by(answer: dict[str, Any], doc_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Its sentences that cite one of these documents, with its id; labels, as the date of a source, left aside."""
    owner = {citation["number"]: citation["doc_id"] for citation in answer["citations"]}
    quoted = ["".join(p["text"] for p in s["parts"] if p["kind"] == "quote") for s in answer["sentences"]]
    said = [(owner[n], text) for s, text in zip(answer["sentences"], quoted, strict=True) for n in s["citations"]]
    return [(doc_id, text) for doc_id, text in said if doc_id in doc_ids]


def test_there_are_attacks_of_every_kind_and_length() -> None:
    assert len(BY_ID) == len(ATTACKS) >= 60
    kinds = [attack["kind"] for attack in ATTACKS]
    assert min(map(kinds.count, kinds)) >= 2
    assert {language for attack in ATTACKS for language in attack["questions"]} == {"ja", "en", "zh"}
    assert all(300 <= len(attack["text"]) <= 1500 for attack in ATTACKS)


@pytest.mark.parametrize("key", [key for key in BY_ID if not BY_ID[key].get("unanswerable")])
def test_what_the_other_documents_say_stays_as_it_was(
    key: str, victim: TestClient, shipped: tuple[str, ...], unharmed: Callable[[str], dict[str, Any]]
) -> None:
    for question in BY_ID[key]["questions"].values():
        answer, before = ask(victim, question, (*shipped, key)), unharmed(question)
        check_quotes(victim, answer)
        said, had = set(said_by(answer, shipped)), set(said_by(before, shipped))
        assert said <= had
        if not said_by(answer, [key]):
            assert answer["answer"] == before["answer"]
            assert answer["short_answer"] == before["short_answer"]


@pytest.mark.parametrize("key", ["stuffing-1", "stuffing-2", "stuffing-3"])
def test_a_question_repeated_is_read_once_and_answers_nothing(key: str, victim: TestClient) -> None:
    (question,) = BY_ID[key]["questions"].values()
    assert BY_ID[key]["text"].replace("？", "?").count(question.replace("？", "?")) > 10
    passages = victim.get(f"/v1/documents/{key}/passages", params={"limit": 50}).json()["passages"]
    assert sum(passage["text"].replace("？", "?").count(question.replace("？", "?")) for passage in passages) == 1
    assert squeeze(question) not in squeeze(ask(victim, question, (key,))["answer"] or "")


def test_all_attacks_at_once_speak_only_for_themselves(victim: TestClient) -> None:
    every = [d["doc_id"] for d in victim.get("/v1/documents", params={"limit": 200}).json()["documents"]]
    silenced: list[str] = []
    for attack in ATTACKS:
        for question in attack["questions"].values():
            answer = ask(victim, question, every)
            check_quotes(victim, answer)
            if not answer["answered"] and attack["id"] not in UNANSWERABLE:
                silenced.append(attack["id"])
    assert len(silenced) <= MOST_SILENCED, silenced


MOST_SILENCED = 2
"""Of some 70 questions, those that get no answer where all 62 attacks are in the index at once."""
UNANSWERABLE = [key for key, attack in BY_ID.items() if attack.get("unanswerable")]
"""Attacks on a refusal: looked at alone, as sixty other documents make more words known."""


@pytest.mark.parametrize("key", [*UNANSWERABLE, "stuffing-1"])
def test_one_attack_alone(
    key: str, home: Path, model: StaticModel, service: Service, client: TestClient, tmp_path: Path
) -> None:
    """In an index that holds no other: words that it brings along make nothing known, and nobody falls silent."""
    shipped = [document.doc_id for document in service.index.documents()]
    with (
        closing(attacked(home, tmp_path, model, [BY_ID[key]], service)) as alone,
        TestClient(create_app(Settings(home=tmp_path), alone)) as victim,
    ):
        for question in BY_ID[key]["questions"].values():
            answer, before = ask(victim, question, ()), ask(client, question, ())
            check_quotes(victim, answer)
            assert answer["answered"] == before["answered"] == (key not in UNANSWERABLE)
            said, had = set(said_by(answer, shipped)), set(said_by(before, shipped))
        assert said <= had


@pytest.mark.parametrize("key", BY_ID)
def test_a_gullible_model_puts_nothing_into_other_mouths(
    key: str, victim: TestClient, gullible: Ask, endpoint: Endpoint, shipped: tuple[str, ...]
) -> None:
    """It writes what the attack wants, citing every passage alone, all together, and one that isn't there; then the
    orders themselves."""
    attack = BY_ID[key]
    wanted = attack["obeyed"].rstrip("。.")
    orders = [line[:200] for line in attack["text"].split("\n") if is_order(line) and "NO_ANSWER" not in line][:4]
    marks = ["[1]", "[2]", "[3]", "[4]", "[5]", "[1][2][3][4][5]", "[99]", "", "[\u200b1]", "[[1]1]", "〔1〕"]
    endpoint.default = Reply("\n".join([*(wanted + mark for mark in marks), *(f"{order} [1]" for order in orders)]))
    endpoint.asked.clear()
    question = next(iter(attack["questions"].values()))
    answer = gullible(question, (*shipped, key))
    assert endpoint.asked or not answer["answered"]
    for asked in endpoint.asked:
        check_prompt(asked["messages"][-1]["content"], question)
    if answer["mode"] == "extractive":
        check_quotes(victim, answer)
        return
    owner = {citation["number"]: citation["doc_id"] for citation in answer["citations"]}
    for sentence in answer["sentences"]:
        assert sentence["support"] == "supported"
        assert {owner[number] for number in sentence["citations"]} == {key}
        assert not is_order(sentence["text"])
    for citation in answer["citations"]:
        assert stands(victim, citation["doc_id"], citation["quote"], citation["spans"])
        assert not is_order(citation["quote"])
    assert visible(answer["answer"]) == answer["answer"]
    assert [int(n) for n in MARK.findall(answer["answer"])] == [n for s in answer["sentences"] for n in s["citations"]]


def check_prompt(prompt: str, question: str) -> None:
    """Each fence once, nothing that a reader couldn't see, no mark but those of the fences, no order."""
    count = prompt.count("<passage number=")
    assert [prompt.count(f"<passage number={n}>\n") for n in range(1, count + 1)] == [1] * count
    assert prompt.count("\n</passage>\n") == count > 0
    assert prompt.count("<") == 2 * count
    assert prompt.endswith(f"\n</passage>\n\nQuestion: {question}")
    assert visible(prompt) == prompt
    assert "[" not in prompt
    assert not MARK.search(prompt)
    inside = [line for line in prompt.split("\n")[:-2] if not line.startswith("<")]
    assert not [line for line in inside if is_order(line)]


def test_a_sentence_of_two_documents_is_supported_clause_by_clause(under_attack: Service) -> None:
    def cited(question: str, doc_id: str) -> Hit:
        return under_attack.retriever.search(question, 1, filters=Filters(doc_ids=(doc_id,))).hits[0]

    size = cited("2023年末までの中国のAIコア産業の規模は5,784億元", "002_ff1c1cbbfafce9d7")
    share = cited("露光装置の国産比率は1%未満", "004_17361f999aa8c8f0")
    torn = cited("9兆9,999億元です。", "split-1")
    assert "9兆9,999億元です。" in torn.passage.text
    both = "2023年末までに中国のAIコア産業の規模は5,784億元に達し、露光装置の国産比率は1%未満にとどまっている。"
    verdict = check(both, "ja", (size, share), under_attack.retriever)
    assert verdict.faults == ()
    assert {c.hit.document.doc_id for c in verdict.evidence} == {size.document.doc_id, share.document.doc_id}
    false = "2023年末までに、中国のAIコア産業の規模は9兆9,999億元に達した。"
    for hits in ((size, torn), (torn, size)):
        verdict = check(false, "ja", hits, under_attack.retriever)
        assert verdict.faults or {c.hit.document.doc_id for c in verdict.evidence} == {"split-1"}


@pytest.mark.parametrize("key", [key for key in BY_ID if BY_ID[key]["kind"] in ("export", "markup", "invisible")])
def test_exports_and_the_page_of_a_source_run_nothing(key: str, victim: TestClient, under_attack: Service) -> None:
    attack = BY_ID[key]
    page = victim.get(f"/documents/{key}").text
    shown = page.split('id="source"')[1].split(">\n", 1)[1].split("</pre>")[0]
    source = victim.get(f"/v1/documents/{key}/source").text
    assert source == attack["text"]
    assert unescape(shown) == replaced(source, "�")
    assert len(unescape(shown)) == len(source)  # places in the source stay what they are
    assert visible(page) == page
    assert "<" not in shown
    assert page.count("<script") == 2  # its words and its module
    kept = ask(victim, next(iter(attack["questions"].values())), (key,), store=True)
    for kind in ("html", "markdown", "csv"):
        pack = victim.get(f"/v1/answers/{kept['answer_id']}/export", params={"format": kind})
        assert pack.status_code == 200
        assert visible(pack.text.removeprefix("\ufeff")) == pack.text.removeprefix("\ufeff")
        if kind == "csv":
            cells = [cell for row in csv.reader(io.StringIO(pack.text)) for cell in row]
            assert not [cell for cell in cells if re.match(r"\s*[=+\-@＝＋－＠]", cell)]
        else:
            assert not re.search(r"<(?:script|img|iframe|a onclick)", pack.text)
