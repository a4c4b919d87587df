from ingest.mapped import Mapped
from ingest.table import Row, read_table


def read(source: str) -> list[Row]:
    lines: list[Mapped] = []
    start = 0
    for line in source.split("\n"):
        lines.append(Mapped(line, tuple(range(start, start + len(line)))))
        start += len(line) + 1
    return read_table(lines, source)


def cells(row: Row) -> list[tuple[tuple[str, ...], str]]:
    return [(cell.columns, cell.text) for cell in row.cells]


def test_a_row_carries_its_column_names() -> None:
    (row,) = read("No.\t公布年月\t省・市名\n1\t2023.1.19\t江蘇省")
    assert cells(row) == [(("No.",), "1"), (("公布年月",), "2023.1.19"), (("省・市名",), "江蘇省")]


def test_an_empty_first_cell_inherits_the_category_over_it() -> None:
    rows = read("産業チェーン\t中核領域\n上流\tチップ\n\t電池\n下流\t応用")
    assert [cells(row)[0][1] for row in rows] == ["上流", "上流", "下流"]
    assert [m.text for m in rows[1].inherited] == ["上流"]


def test_bands_over_repeated_names_are_part_of_a_column_path() -> None:
    source = "第1回(14件)\t\t第2回(11件)\t\n社名\t製品名\t社名\t製品名\n百度\t文心一言\t美团\t(未公表)"
    (row,) = read(source)
    assert cells(row)[3] == (("第2回(11件)", "製品名"), "(未公表)")


def test_a_second_header_in_mid_table_rules_the_rows_under_it() -> None:
    source = (
        "第1回(1件)\t\t第2回(1件)\t\n社名\t製品名\t社名\t製品名\na\tb\tc\td\n"
        "第3回(1件)\t\t第4回(1件)\t\n社名\t製品名\t社名\t製品名\ne\tf\tg\th"
    )
    rows = read(source)
    assert [cells(row)[0][0][0] for row in rows] == ["第1回(1件)", "第3回(1件)"]


def test_a_header_over_nothing_is_kept_as_a_row() -> None:
    for source, rows in (
        ("社名\t製品\n百度\t文心\n社名\t製品", 2),
        ("第1回\t\t第2回\t\n社名\t製品\t社名\t製品", 2),
        ("a\tb\na\tb\na\tb", 3),
    ):
        assert len(read(source)) == rows


def test_a_table_without_column_names_has_data_only() -> None:
    rows = read("経済発展領域\t①製造業：産業ロボットによるスマート製造システムの発展と製造業DX促進\n\t②農業：栽培")
    assert len(rows) == 2
    assert cells(rows[0])[0] == ((), "経済発展領域")
