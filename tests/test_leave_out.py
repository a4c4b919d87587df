"""Two made-up documents: each is new to everything in turn."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from api.settings import Settings
from eval.leave_out import leave_out
from eval.questions import Evidence, Question
from retriever.embed import SHIPPED_MODEL

TEXTS = {
    "000_robots": "人型ロボットの市場は2030年に1,000億元を超える。",
    "001_chips": "半導体の輸出規制により、国産チップの開発が進む。",
}
ASKED = {
    "000_robots": {"ja": "人型ロボットの市場規模は", "en": "humanoid robot market", "zh": "人形机器人市场"},
    "001_chips": {"ja": "半導体の輸出規制の影響は", "en": "export controls on chips", "zh": "芯片出口管制"},
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    corpus = tmp_path / "corpus"
    (corpus / "expansions").mkdir(parents=True)
    entries = []
    for doc_id, text in TEXTS.items():
        (corpus / f"{doc_id}.txt").write_text(text, "utf-8")
        entries.append(
            f'[[documents]]\nid = "{doc_id}"\nfile = "{doc_id}.txt"\nsha256 = "{sha256(text)}"\n'
            f'title = "{doc_id}"\nlanguage = "ja"\n'
        )
        row = {"document": sha256(text), "spans": [[0, len(text)]]} | {k: [v] for k, v in ASKED[doc_id].items()}
        (corpus / "expansions" / f"{doc_id}.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    (corpus / "manifest.toml").write_text("\n".join(entries), "utf-8")
    rows = ["半導体\tchip\t芯片\t\ttechnology\t001", "市場\tmarket\t市场\t\teconomy\tgeneral"]
    (corpus / "glossary.tsv").write_text("\n".join(["ja\ten\tzh\taliases\tkind\tsource", *rows]) + "\n", "utf-8")
    return Settings(home=tmp_path / "home", corpus=corpus)


def questions() -> list[Question]:
    return [
        Question(
            f"{doc_id}-{language}",
            "dev",
            language,
            "summary",
            "lexical",
            text,
            ((Evidence(sha256(TEXTS[doc_id]), 0, len(TEXTS[doc_id])),),),
            ("",),
            (),
        )
        for doc_id, asked in ASKED.items()
        for language, text in asked.items()
    ]


def test_every_document_is_left_out_in_every_language(settings: Settings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for doc_id in TEXTS:
        (models / doc_id).symlink_to(SHIPPED_MODEL)
    row = {"title": "富士山", "context": "富士山は高い。", "question": "高い山は", "answers": [{"text": "富士山"}]}
    with gzip.open(tmp_path / "jaquad-train.jsonl.gz", "wt", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    found = list(leave_out(settings, questions(), models, tmp_path))
    assert [(f.document, f.language) for f in found] == [(d, lang) for d in TEXTS for lang in ("ja", "en", "zh")]
    assert all(f.within.mean == 1.0 and f.dense.mean == 1.0 for f in found)  # two passages: both are read
