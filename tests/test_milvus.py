"""The store in Milvus, Milvus Lite in a cluster's place: documents come and go whole, whoever is killed when."""

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lite import free_port, lite
from made import two_pages_with_a_table
from test_index import TEXTS, CountingModel

from api.citations.quotes import prove
from api.doctor import look
from api.kept import KeptAnswers
from api.kept_shared import SharedAnswers
from api.moving import moved
from api.settings import Settings
from ingest import build
from ingest.clustered import Milvus, store_versions
from ingest.library import Library
from retriever.errors import (
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    NotFound,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
)
from retriever.filters import Filters
from retriever.milvus import cluster as clusters
from retriever.milvus import schema, writing
from retriever.milvus.catalogue import Catalogue, Entry, row_of
from retriever.milvus.cluster import Cluster
from retriever.milvus.index import MilvusIndex
from retriever.milvus.schema import DOCUMENTS, PARTS, PASSAGES, QUESTIONS, RECORDS
from retriever.search import Retriever

T = TypeVar("T")
MODEL = CountingModel()
IDS = {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in TEXTS.items()}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lite(tmp_path_factory.mktemp("lite")) as (address, _):
        yield address


@pytest.fixture
def store(uri: str, tmp_path: Path) -> Iterator[Milvus]:
    """An empty one. Its collections are made once: that takes seconds."""
    with closing(Milvus(uri, "", tmp_path / "library")) as store:
        schema.create(store.cluster, MODEL.dimensions, store_versions(MODEL))
        for name in (PASSAGES, QUESTIONS, PARTS):
            store.cluster.delete(name, "document >= 0")
        store.cluster.delete(DOCUMENTS, "number >= 0")
        store.cluster.delete(RECORDS, f'key != "{schema.MADE_WITH}"')
        yield store
        made = json.dumps({"format": schema.FORMAT, "dimensions": "3", **store_versions(MODEL)})
        store.cluster.upsert(RECORDS, [schema.record(schema.MADE_WITH, 0, made)])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    return {name: folder / f"{name}.txt" for name in TEXTS}


def take_in(store: Milvus, *paths: Path) -> build.Outcome:
    return store.ingest(paths, MODEL, build.NONE, lambda message: None)


def opened(store: Milvus) -> MilvusIndex:
    index, _ = store.open(MODEL)
    assert isinstance(index, MilvusIndex)
    return index


def held(store: Milvus) -> dict[str, list[str]]:
    """By document, its passages, each proved; and nothing else of any document is in the cluster, nor twice."""
    index = opened(store)
    found = {document.doc_id: index.passages_of(document.doc_id) for document in index.documents()}
    for doc_id, passages in found.items():
        for passage in passages:
            prove(index.document(doc_id), passage.text, passage.spans)
            assert index.passage_by_id(passage.passage_id) == passage
        assert index.passage_counts[doc_id] == len(passages) == len({p.passage_id for p in passages})
    return {doc_id: [passage.text for passage in passages] for doc_id, passages in found.items()}


def rows_of(store: Milvus) -> dict[str, int]:
    return {name: store.cluster.count(name, "document >= 0") for name in (PASSAGES, QUESTIONS, PARTS)}


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """As if the process were killed: from some request on, none that writes reaches the cluster."""
    left = [after]

    def spent(method: Callable[..., None]) -> Callable[..., None]:
        def call(self: Cluster, *arguments: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            method(self, *arguments)

        return call

    with monkeypatch.context() as patched:
        for name in ("upsert", "delete"):
            patched.setattr(Cluster, name, spent(getattr(Cluster, name)))
        yield


def test_a_cluster_without_an_index_says_so(uri: str, tmp_path: Path) -> None:
    with closing(Milvus(uri, "", tmp_path)) as store:
        for use in (lambda: store.open(MODEL), store.corpus):
            with pytest.raises(IndexMissing, match="no index in Milvus at http://127"):
                use()
        assert store.generation() is None


def killed_again_and_again(monkeypatch: pytest.MonkeyPatch, every: int, work: Callable[[], T]) -> T:
    """Begun anew after each kill, a few requests later each time; what the last one gives."""
    for step in range(0, 1000, every):
        try:
            with dying(monkeypatch, step):
                return work()
        except KeyboardInterrupt:
            continue
    raise AssertionError("it never ended")


def test_documents_come_and_go(store: Milvus, files: dict[str, Path]) -> None:
    outcome = take_in(store, *files.values())
    assert set(outcome.added) == set(IDS.values())
    before = held(store)
    assert before == {IDS[name]: [text] for name, text in sorted(TEXTS.items(), key=lambda item: IDS[item[0]])}
    assert opened(store).generation == outcome.generation == store.generation()
    again = take_in(store, *files.values())
    assert (again.added, again.generation, set(again.unchanged)) == ((), outcome.generation, set(IDS.values()))
    assert store.is_current(list(files.values()), MODEL, build.NONE)

    seen = opened(store)
    store.library().remove([IDS["chip"]])
    gone = take_in(store)
    assert gone.removed == (IDS["chip"],)
    assert held(store) == {doc_id: texts for doc_id, texts in before.items() if doc_id != IDS["chip"]}
    assert not store.is_current([files["chip"]], MODEL, build.NONE) or IDS["chip"] not in store.corpus()
    with pytest.raises(NotFound):
        opened(store).document(IDS["chip"])
    assert Retriever(seen, MODEL).search("輸出規制").hits[0].document.doc_id == IDS["chip"]  # who had begun goes on
    assert take_in(store, files["chip"]).added == ()  # it was taken out for good
    store.library().restore([IDS["chip"]])
    assert take_in(store, files["chip"]).generation == outcome.generation  # the same documents, the same name


def test_filters_leave_out_what_they_should(store: Milvus, files: dict[str, Path]) -> None:
    take_in(store, *files.values())
    retriever = Retriever(opened(store), MODEL)
    everything = {hit.document.doc_id for hit in retriever.search("市場", 50).hits}
    assert everything == set(IDS.values())
    only = Filters(doc_ids=(IDS["chip"],))
    assert {hit.document.doc_id for hit in retriever.search("市場", 50, filters=only).hits} == {IDS["chip"]}
    assert retriever.search("市場", 50, filters=Filters(kinds=("table",))).hits == ()
    assert retriever.search("市場", 50, filters=Filters(published_from="2020")).hits == ()  # unknown never matches
    place = retriever.search("輸出規制").hits[0].place
    left = retriever.without([place])
    assert place not in [hit.place for hit in left.search("輸出規制", 50).hits]
    assert (retriever.frequency("規制", "words"), left.frequency("規制", "words")) == (1, 0)


def test_what_is_replaced_is_gone_at_once(store: Milvus, tmp_path: Path) -> None:
    def source(text: str) -> Path:
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        (tmp_path / "own.txt").write_text(text, "utf-8")
        entry = f'id = "own"\nfile = "own.txt"\nsha256 = "{sha256}"\ntitle = "題"\nlanguage = "ja"\n'
        (tmp_path / "manifest.toml").write_text(f"[[documents]]\n{entry}", "utf-8")
        return tmp_path

    take_in(store, source(TEXTS["chip"]))
    take_in(store, source(TEXTS["energy"]))
    assert held(store) == {"own": [TEXTS["energy"]]}


def test_killed_at_every_request_an_ingest_goes_on(
    store: Milvus, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    killed_again_and_again(monkeypatch, 1 if long else 3, lambda: take_in(store, *files.values()))
    assert set(held(store)) == set(IDS.values())
    assert rows_of(store) == {PASSAGES: 3, QUESTIONS: 0, PARTS: 9}


def test_what_was_broken_off_for_good_is_cleaned_up(
    store: Milvus, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt), dying(monkeypatch, 2):
        take_in(store, files["robot"])
    assert rows_of(store)[PARTS] == 3
    monkeypatch.setattr(writing, "STAYS_MS", -1)
    catalogue = Catalogue(store.cluster)
    catalogue.look()
    ((number, left),) = catalogue.rows.items()
    store.cluster.upsert(DOCUMENTS, [row_of(left) | {"lease": 0}])
    take_in(store, files["chip"])  # it is said to be gone
    take_in(store, files["energy"])  # its rows are deleted
    assert rows_of(store)[PARTS] == 6
    assert store.cluster.count(PARTS, f"document == {number}") == 0


def test_a_document_that_another_writes_is_left_to_it(
    store: Milvus, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(store, files["chip"])
    entry = Entry(12345, "other", "writing", {"fingerprint": "f", "passages": 0})
    store.cluster.upsert(DOCUMENTS, [row_of(entry) | {"owner": "elsewhere 1"}])
    monkeypatch.setattr("ingest.clustered._WAIT_SECONDS", 0.0)
    monkeypatch.setattr("ingest.clustered.claim", lambda *arguments: None)
    with pytest.raises(IndexBusy, match=IDS["robot"]):
        take_in(store, files["robot"])


def test_a_row_that_is_missing_keeps_a_document_from_being_ready(
    store: Milvus, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Cluster.count
    monkeypatch.setattr(Cluster, "count", lambda self, *arguments: count(self, *arguments) - 1)
    with pytest.raises(IndexBusy, match="has 1 passages, 0 are in Milvus"):
        take_in(store, files["chip"])
    monkeypatch.undo()
    assert held(store) == {}


def test_an_index_moves_with_documents_and_answers(
    store: Milvus, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    settings = Settings(home=tmp_path / "home", milvus_uri=store.cluster.uri)
    library = Library(settings.library)
    content = two_pages_with_a_table()
    own = library.add(content, "own.docx", {"title": "自分"}, "ready")
    build.ingest(settings.index, [*files.values(), *library.sources()], MODEL, progress=lambda m: None, library=library)
    library.remove(["0" * 16])
    with closing(KeptAnswers(settings.answers)) as kept:
        for number in range(3):
            kept.keep({"answer_id": f"ans_{number}", "created": f"2026-01-0{number + 1}T00:00:00Z"})
    monkeypatch.setattr("api.moving.open_embedder", lambda settings: MODEL)
    every = 1 if long else 5
    first = killed_again_and_again(monkeypatch, every, lambda: moved(settings, settings.milvus_token))
    assert set(held(store)) == {*IDS.values(), own.doc_id}
    assert moved(settings, settings.milvus_token).generation == first.generation
    shared = store.library()
    assert (shared.entry(own.doc_id), shared.removed()) == (own, frozenset(["0" * 16]))
    assert shared.source(own).path.read_bytes() == content
    assert shared.find(own.file_sha256) == library.find(own.file_sha256)
    answers = SharedAnswers(store.cluster)
    assert [answer["answer_id"] for answer in answers.newest(0, 2)] == ["ans_2", "ans_1"]
    assert rows_of(store)[PASSAGES] == first.passages


def test_kept_answers_are_every_servers(store: Milvus) -> None:
    first, second = SharedAnswers(store.cluster), SharedAnswers(store.cluster, days=10_000)
    answer = {"answer_id": "ans_a", "created": "2026-01-01T00:00:00Z", "text": "𠮷" * 50_000}
    first.keep(answer)
    assert second.get("ans_a") == answer
    assert second.newest(0, 10) == [answer]
    first.delete("ans_a")
    for use in (second.get, second.delete):
        with pytest.raises(NotFound, match="ans_a"):
            use("ans_a")
    assert SharedAnswers(store.cluster, days=1).newest(0, 10) == []


def test_another_model_or_format_is_refused_with_both_values(store: Milvus, files: dict[str, Path]) -> None:
    take_in(store, files["chip"])

    class Other(CountingModel):
        name = "another"

    for use in (lambda: store.open(Other()), lambda: store.ingest([], Other(), build.NONE, print)):
        with pytest.raises(IndexMismatch, match="made with model counting, this program has another"):
            use()
    made = json.dumps({**(schema.read_versions(store.cluster) or {}), "format": "0"})
    store.cluster.upsert(RECORDS, [schema.record(schema.MADE_WITH, 0, made)])
    with pytest.raises(IndexMismatch, match=f"made with format 0, this program has {schema.FORMAT}"):
        store.open(MODEL)


def test_a_text_that_was_changed_in_the_cluster_is_not_cited(store: Milvus, files: dict[str, Path]) -> None:
    take_in(store, files["chip"])
    row = store.cluster.query(PARTS, 'what == "text"', ("id", "document", "what", "part", "body", "nothing"))[0]
    store.cluster.upsert(PARTS, [row | {"body": row["body"].replace("国産", "外国")}])
    with pytest.raises(IndexDamaged, match="isn't what was written"):
        opened(store).document(IDS["chip"])
    (finding,) = store.examine(MODEL)
    assert (finding.doc_id, finding.problem[-47:]) == (IDS["chip"], "isn't what was written. Take its file in again.")
    store.cluster.delete(PASSAGES, "document >= 0")
    (finding,) = store.examine(MODEL)
    assert "has 1 passages, 0 are in Milvus" in finding.problem


def test_the_doctor_looks_at_the_cluster(
    store: Milvus, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(store, files["chip"])
    settings = Settings(home=tmp_path / "home", store="milvus", milvus_uri=store.cluster.uri)
    assert list(look(settings, MODEL)) == []
    away = settings.model_copy(update={"milvus_uri": f"http://127.0.0.1:{free_port()}"})
    (finding,) = look(away, MODEL)
    assert "can't be reached" in finding.problem
    (finding,) = look(settings.model_copy(update={"milvus_uri": ""}), MODEL)
    assert "TENKYO_MILVUS_URI is empty" in finding.problem


def test_a_cluster_that_is_away_or_slow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "READ_SECONDS", 1.0)
    port = free_port()
    with pytest.raises(StoreUnreachable, match=f"127.0.0.1:{port} can't be reached"):
        Cluster(f"http://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreUnreachable, match="within 1 s"):
        Cluster(f"http://127.0.0.1:{silent.getsockname()[1]}")  # the kernel takes the call, nobody answers


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("quota exceeded[reason=disk quota exceeded, please allocate more resources]", StoreFull),
        ("No space left on device", StoreFull),
        ("auth check failure, please check api key is correct", StoreRefused),
        ("Retry run out: server unavailable", StoreUnreachable),
    ],
)
def test_what_milvus_says_is_told(store: Milvus, said: str, kind: type[Exception]) -> None:
    from pymilvus.exceptions import MilvusException

    with pytest.raises(kind, match=said.split("[")[0][:20]), store.cluster._told(1):
        raise MilvusException(message=said)
