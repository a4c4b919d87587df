"""How the index bears ten thousand, a hundred thousand and a million passages.

Each size has an index and a file of figures of its own, so that a run that was cut off goes on with what is missing.
Each step runs in a process of its own, as a service would, and searches on one core.
"""

import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench import read_rows
from eval.tables import markdown
from eval.windows import Article, Taken, articles, cut
from ingest import build, chunk
from ingest.build import fingerprint, say, versions
from ingest.library import Library
from retriever import dense
from retriever.arms import CANDIDATES
from retriever.draft import Contents, write_segment
from retriever.embed import Embedder, StaticModel
from retriever.fields import embedding_text
from retriever.generations import publish, read_manifest, writing
from retriever.index import open_index
from retriever.search import Retriever

SIZES = (10_000, 100_000, 1_000_000)
WARM, TIMED, RECALLED = 100, 500, 200
"""Questions before the clock runs, questions that are timed, and those whose exact neighbours are worked out."""
ADDED = 1000
"""Passages of the document that is added."""
_BATCH = 2048

Figures = dict[str, Any]


def measure(data: Path, home: Path, size: int, large: int = dense.LARGE) -> Figures:
    """All figures of a size. What an earlier run has found stays as it is, unless its folder is removed.

    `large`: from how many vectors on the dense arm is approximate.
    """
    folder = home / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "figures.json"
    figures: Figures = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    steps: dict[str, tuple[Callable[..., Figures], bool]] = {
        "build": (_build, False),
        "search": (_search, True),
        "recall": (_recall, False),
        "change": (_change, False),
    }
    for name, (step, on_one_core) in steps.items():
        if name not in figures:
            say(f"{size:,} passages: {name}")
            figures[name] = _apart(step, on_one_core, data, folder, size, large)
            kept.write_text(json.dumps(figures, indent=1), "utf-8")
    return figures


def measured(home: Path) -> list[Figures]:
    """Of all sizes with every step done, the smallest first."""
    found = [json.loads(path.read_text("utf-8")) for path in home.glob("*/figures.json")]
    return sorted((f for f in found if "change" in f), key=lambda f: int(f["build"]["passages"]))


def _apart(step: Callable[..., Figures], on_one_core: bool, *arguments: object) -> Figures:
    """In a new process, which has the cores that this one has when it starts."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)} if on_one_core else cores)
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(step, *arguments).result()
    finally:
        os.sched_setaffinity(0, cores)


def _build(data: Path, folder: Path, size: int, large: int) -> Figures:
    """From texts to a published generation."""
    model, root = StaticModel(), folder / "index"
    started, cpu = time.perf_counter(), _cpu_seconds()
    corpus: dict[str, str] = {}
    with writing(root):
        written = write_segment(root / "segments", _batches(cut(articles(data), size), model, corpus), large)
        publish(root, {written.name: written.hashes}, {}, versions(model), corpus, written.passages)
    seconds = time.perf_counter() - started
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        "passages": written.passages,
        "documents": len(corpus),
        "seconds": seconds,
        "cpu_seconds": _cpu_seconds() - cpu,
        "passages_a_second": written.passages / seconds,
        "disk_bytes": sum(path.stat().st_size for path in files),
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "worker_peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        "workers": os.cpu_count() or 1,
        "approximate": any(path.name == "dense.codes" for path in files),
    }


def _batches(taken: Iterator[Taken], model: Embedder, corpus: dict[str, str]) -> Iterator[Contents]:
    """Whole documents with their vectors; `corpus` is filled on the way."""
    done = 0
    while batch := _at_least(taken, _BATCH):
        passages = [passage for _, own in batch for passage in own]
        corpus |= {document.doc_id: fingerprint(document, {}) for document, _ in batch}
        vectors = model.encode_passages([embedding_text(passage) for passage in passages])
        asked = np.zeros((0, model.dimensions), np.float32)
        yield Contents([d for d, _ in batch], passages, vectors, [()] * len(passages), asked, {})
        if (done + len(passages)) // 50_000 > done // 50_000:
            say(f"{done + len(passages):,} passages")
        done += len(passages)


def _at_least(taken: Iterator[Taken], count: int) -> list[Taken]:
    batch: list[Taken] = []
    while sum(len(passages) for _, passages in batch) < count and (one := next(taken, None)):
        batch.append(one)
    return batch


def _search(data: Path, folder: Path, size: int, large: int) -> Figures:
    """Hybrid searches one after the other, with the index in the system's cache, as in a service at work."""
    model = StaticModel()
    asked = questions(data)
    before = time.perf_counter()
    with closing(open_index(folder / "index", model.name)) as index:
        first = time.perf_counter() - before
        retriever = Retriever(index, model)
        for question in asked[:WARM]:
            retriever.search(question)
        cpu = time.process_time()
        took = [_seconds(partial(retriever.search, question)) for question in asked[-TIMED:]]
        cpu = time.process_time() - cpu
        found = _memory()
    again = _seconds(lambda: open_index(folder / "index", model.name).close())
    return found | {
        "first_open_seconds": first,
        "open_seconds": again,
        "p50_ms": 1000 * float(np.percentile(took, 50)),
        "p99_ms": 1000 * float(np.percentile(took, 99)),
        "cpu_ms": 1000 * cpu / len(took),
    }


def questions(data: Path) -> list[str]:
    """The questions of JaQuAD dev, each once, shuffled."""
    different = list(dict.fromkeys(row["question"] for row in read_rows(data, "jaquad-dev")))
    return [different[i] for i in np.random.default_rng(1).permutation(len(different))]


def _recall(data: Path, folder: Path, size: int, large: int) -> Figures:
    """How many of the ten nearest the dense arm finds; 1 where it compares all."""
    model = StaticModel()
    vectors = model.encode_queries(questions(data)[:RECALLED])
    with closing(open_index(folder / "index", model.name)) as index:
        shares = [_share(index.segments[0].dense, vector) for vector in vectors]
    return {"recall_at_10": float(np.mean(shares))}


def _share(held: dense.Vectors, vector: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    near = held.nearest(vector, None, CANDIDATES)
    found = set(near.places[np.argsort(-near.cosines)[:10]].tolist())
    exact = np.argsort(-(held.rows @ vector))[:10].tolist()
    return len(found.intersection(exact)) / len(exact)


def _change(data: Path, folder: Path, size: int, large: int) -> Figures:
    """A document of a thousand passages more, by the way that every document goes; then one less. Undone at the end."""
    model, root = StaticModel(), folder / "index"
    with closing(open_index(root, model.name)) as index:
        manifest = index.manifest
    library = Library(folder / "library")
    library.restore(library.removed())
    text = folder / "added.txt"
    text.write_text(_new_text(articles(data)), "utf-8")
    try:
        adding = _seconds(lambda: build.ingest(root, [text], model, progress=_silent, library=library))
        added = read_manifest(root).passages - manifest.passages
        gone = next(iter(manifest.corpus))
        library.remove([gone])
        deleting = _seconds(lambda: build.ingest(root, [], model, progress=_silent, library=library))
        with closing(open_index(root, model.name)) as index:
            assert gone not in index.passage_counts
            retriever = Retriever(index, model)
            asked = questions(data)
            for question in asked[:WARM]:
                retriever.search(question)
            after = [_seconds(partial(retriever.search, question)) for question in asked[-TIMED:]]
    finally:
        publish(root, manifest.segments, manifest.deleted, manifest.versions, manifest.corpus, manifest.passages)
    return {
        "added_passages": added,
        "adding_seconds": adding,
        "deleting_seconds": deleting,
        "p50_ms_after": 1000 * float(np.median(after)),
    }


def _new_text(found: Iterable[Article]) -> str:
    """Sentences of many articles put together anew, enough for `ADDED` passages."""
    sentences = islice((s for article in found for s in article.sentences if len(s) > 20), 0, None, 7)
    lines: list[str] = []
    length = 0
    while length < ADDED * chunk.TARGET_CHARACTERS and (line := "".join(islice(sentences, 8))):
        lines.append(line)
        length += len(line)
    return "\n".join(lines)


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _memory() -> Figures:
    """Of this process: all that it has in memory, and what of it no other process could share with it."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()[1:]
    sizes = {name: 1024 * int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return {"resident_bytes": sizes["Rss"], "own_bytes": sizes["Private_Dirty"]}


def _silent(message: str) -> None:
    """Progress of an ingest that is timed."""


ROWS: Sequence[tuple[str, Callable[[Figures], str]]] = (
    ("documents", lambda f: f"{f['build']['documents']:,}"),
    ("dense arm", lambda f: "codes, then exact" if f["build"]["approximate"] else "exact"),
    ("built in", lambda f: f"{f['build']['seconds']:,.0f} s"),
    ("passages built a second", lambda f: f"{f['build']['passages_a_second']:,.0f}"),
    ("processor time of building", lambda f: f"{f['build']['cpu_seconds']:,.0f} s"),
    ("memory while building", lambda f: f"{_gigabytes(_built_in(f))} GB"),
    ("index on disk", lambda f: f"{_gigabytes(f['build']['disk_bytes'])} GB"),
    (
        "opened first, again",
        lambda f: f"{f['search']['first_open_seconds']:.2f} s, {f['search']['open_seconds']:.2f} s",
    ),
    ("memory while searching", lambda f: f"{_gigabytes(f['search']['resident_bytes'])} GB"),
    ("of it not shared", lambda f: f"{_gigabytes(f['search']['own_bytes'])} GB"),
    ("hybrid search, median", lambda f: f"{f['search']['p50_ms']:.1f} ms"),
    ("hybrid search, 99%", lambda f: f"{f['search']['p99_ms']:.1f} ms"),
    ("its processor time, mean", lambda f: f"{f['search']['cpu_ms']:.1f} ms"),
    ("recall@10 of the dense arm", lambda f: f"{f['recall']['recall_at_10']:.3f}"),
    (
        "a document more",
        lambda f: f"{f['change']['adding_seconds']:.1f} s ({f['change']['added_passages']:,} passages)",
    ),
    ("a document deleted", lambda f: f"{f['change']['deleting_seconds']:.1f} s"),
    ("hybrid search after that, median", lambda f: f"{f['change']['p50_ms_after']:.1f} ms"),
)


def report(found: Sequence[Figures]) -> list[str]:
    """A table with a column a size, and what it says."""
    header = ["passages", *(f"{f['build']['passages']:,}" for f in found)]
    return [
        "Distinct windows of two to four sentences of Japanese Wikipedia articles, some 100 characters each; the",
        "questions of JaQuAD dev.",
        "Building uses all cores, searching one. Memory while building: this process and its workers at their highest;",
        "files that are mapped count in it.",
        "",
        markdown(header, [[name, *(row(f) for f in found)] for name, row in ROWS]).rstrip(),
    ]


def _built_in(figures: Figures) -> float:
    build = figures["build"]
    return float(build["peak_bytes"] + build["worker_peak_bytes"] * build["workers"])


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f}"
