"""The loaders under a fuzzer (atheris): whatever bytes come, a text whose every passage is proved, or a refusal.

    .venv/bin/pip install -c constraints.txt -e '.[fuzz]'
    .venv/bin/python tests/fuzz.py -max_total_time=600 var/fuzz      (libFuzzer's options; a folder for what it learns)

What it finds becomes a file in tests/data/found/, which `test_found.py` reads from then on.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

import atheris  # type: ignore[import-not-found]  # noqa: E402

with atheris.instrument_imports(include=["ingest", "docx", "api.citations.quotes"]):
    from made import report, word, word_by_hand
    from test_found import read_and_prove

KINDS = ("", ".md", ".html")
TEXT = "題名\n\n１　章\n人型ロボットの市場は、2030年には1,000億元を超えると\n予測されている。\n名\t年\n百度\t2023\n"
PAGE = "<!doctype html><title>題</title><h1>章</h1><p>文で<br>ある。<table><tr><th colspan=2>名<td>年</table><pre>a\nb"


def one(data: bytes) -> None:
    """The first byte says what the others are: a file of some name, a document's XML, or what is inside its body."""
    kind, content = data[:1], data[1:]
    if kind == b"x":
        content = word_by_hand("", more={"word/document.xml": content})
    elif kind == b"b":
        content = word_by_hand(content.decode("utf-8", "ignore"))
    read_and_prove(content, KINDS[kind[0] % len(KINDS)] if kind and kind not in b"xb" else "")


def write_seeds(folder: Path) -> None:
    table = '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr></w:tc></w:tr></w:tbl>'
    body = f"<w:p><w:r><w:t>文</w:t><w:br/></w:r></w:p>{table}"
    texts = {f"text-{encoding}": b"0" + TEXT.encode(encoding) for encoding in ("utf-8", "cp932", "euc_jp", "utf-16")}
    files = {"pdf": b"0" + report(), "docx": b"0" + word(), "html": b"2" + PAGE.encode(), "body": b"b" + body.encode()}
    for name, content in {**texts, **files}.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    learnt = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    learnt.mkdir(parents=True, exist_ok=True)
    write_seeds(learnt)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
