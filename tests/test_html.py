import pytest

from ingest.html import read_html
from retriever.errors import SourceRefused

PAGE = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>半導体の
報告</title><style>p { color: red }</style><script>alert("頭")</script></head><body>
<h1>半導体の報告</h1>
<p>国産比率は
1%未満<!-- 注 -->に<script>alert("本文")</script>とどまり、<br>輸入に
頼っている。<span style="display: none">隠した文</span><b hidden>隠した語</b></p>
<ul><li>露光<ruby>装置<rp>（</rp><rt>そうち</rt><rp>）</rp></ruby></li><li><p>洗浄装置</p></li></ul>
<table><caption>発表</caption><tr><th>企業<th colspan=2>製品</tr>
<tr><td rowspan=2>百度<td>文心<br>一言<td>2023年</tr><tr><td>文心一格<td>2022年</tr></table>
<table><tr><td><p>枠だけの表の文である。</p></td></tr></table>
<pre>一行目
  二行目</pre>
<p>&lt;script&gt;は文字。AI &amp; robots are here.</p></body></html>"""


def test_a_page_is_read_as_it_is_shown() -> None:
    found = read_html(PAGE.encode())
    assert (found.title, found.encoding) == ("半導体の 報告", "UTF-8")
    assert found.text == (
        "半導体の報告\n\n国産比率は 1%未満にとどまり、\n輸入に頼っている。\n\n・露光装置\n・洗浄装置\n\n"
        "発表\n企業\t製品\t\n百度\t文心 一言\t2023年\n\t文心一格\t2022年\n\n枠だけの表の文である。\n\n"
        "一行目\n  二行目\n\n<script>は文字。AI & robots are here.\n"
    )


@pytest.mark.parametrize(
    ("declared", "encoding", "name"),
    [
        ("Shift_JIS", "cp932", "Shift_JIS"),
        ("x-sjis", "cp932", "Shift_JIS"),
        ("euc-jp", "euc_jp", "EUC-JP"),
        ("gb2312", "gb18030", "GB18030"),
        ("nonsense", "euc_jp", "EUC-JP"),
        ("utf-8", "cp932", "Shift_JIS"),
    ],
)
def test_the_declared_encoding_counts_where_it_holds(declared: str, encoding: str, name: str) -> None:
    found = read_html(f'<meta charset="{declared}"><p>中国のチップ、１％。'.encode(encoding))
    assert (found.text, found.encoding) == ("中国のチップ、１％。\n", name)


def test_pages_without_text_or_nested_without_end_are_refused() -> None:
    for content, code in ((b"<html><script>x</script>", "no_text"), (b"<div>" * 9999 + "文".encode(), "file_damaged")):
        with pytest.raises(SourceRefused) as error:
            read_html(content)
        assert error.value.code == code
