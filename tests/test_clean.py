from ingest.clean import find_furniture, split_lines, unwrap, widest


def cleaned(source: str, width: int | None = None) -> list[str]:
    lines = split_lines(source, find_furniture(source))
    return [paragraph.text for paragraph in unwrap(lines, width or widest(lines))]


def left_out(source: str) -> list[tuple[str, str]]:
    return [(source[f.span[0] : f.span[1]], f.rule) for f in find_furniture(source)]


def test_a_url_is_left_out_and_the_rest_of_its_line_stays() -> None:
    source = "写真出所：https://www.kenken.go.jp/603.pdf※低空経済とは"
    assert left_out(source) == [("https://www.kenken.go.jp/603.pdf", "url")]
    assert cleaned(source) == ["写真出所：※低空経済とは"]


def test_a_wrapped_url_is_left_out_whole() -> None:
    source = "出所: https://paperswithcode.com/sota/multi-task-\nlanguage-understanding-on-mmlu\n\n次の文"
    assert [text for text, _ in left_out(source)] == [
        "https://paperswithcode.com/sota/multi-task-",
        "language-understanding-on-mmlu",
    ]


def test_numbers_are_references_only_in_a_run_before_urls() -> None:
    chart = "0 100 200 300\n\n2020\n\n2025\n\n文"
    assert left_out(chart) == []
    notes = "文の途中で\n\n42\n\n48 49\n\n50\n\nhttps://example.org/a\n\nし、続く。"
    assert [rule for _, rule in left_out(notes)] == ["reference numbers"] * 3 + ["url"]


def test_a_sentence_that_furniture_splits_is_one() -> None:
    source = (
        "受付では患者の受付登録から検査画像読影、診察同行まで同時並行でこな\n\n42\n\n48 49\n\n50\n\n"
        "https://example.org/a#:~:text=b\n\n\nし、1億人以上のユーザーに提供している。"
    )
    assert cleaned(source)[0].endswith("同時並行でこなし、1億人以上のユーザーに提供している。")


def test_hard_wraps_are_undone_and_short_lines_kept_apart() -> None:
    wrapped = (
        "中国・上海で開催された世界人工知能大会は、中国におけるAI産業の急速な発\n展を示す大規模イベントとなりました。"
    )
    assert cleaned(wrapped) == [wrapped.replace("\n", "")]
    assert cleaned("文心一言\n文心一格\n\n文心Comate", 100) == ["文心一言", "文心一格", "文心Comate"]


def test_latin_words_keep_a_space_where_a_line_ended() -> None:
    source = "「Intelligent Dialogues, Shared\nFuture」円卓会議"
    assert cleaned(source, 30) == ["「Intelligent Dialogues, Shared Future」円卓会議"]


def test_a_word_that_a_narrow_box_breaks_is_joined() -> None:
    source = "画像や動画生成技術は、各社が独自のモ\nデルを発表し、同水準に\n達している"
    assert cleaned(source, 120) == ["画像や動画生成技術は、各社が独自のモデルを発表し、同水準に達している"]


def test_a_figure_and_an_english_phrase_that_a_narrow_box_cuts_are_joined() -> None:
    for source in ("提携し数百\n万規模の症例", "予算は15\n億元", "は、IEEE Robotics and\nAutomation Societyが主催する"):
        (joined,) = cleaned(source, 120)
        assert "\n" not in joined
    assert "Robotics and Automation" in joined
    assert cleaned("企業数 2019\n百度", 120) == ["企業数 2019", "百度"]
    assert cleaned("Model A\nModel B", 120) == ["Model A", "Model B"]


def test_a_quoted_name_at_a_line_end_runs_on_to_its_particle() -> None:
    source = "李強首相は、「AIガバナンス上海宣言」\nの発表とともに提言を述べた。"
    assert cleaned(source, 120) == [source.replace("\n", "")]


def test_lines_under_a_short_bullet_stay_apart() -> None:
    source = (
        "\uf06eリーダーの相次ぐ起業\n2023年2月以来の参入意思を表明した起業家（一部）：\n"
        "王 慧文（元美団連合創始者）個人出資5000万ドル"
    )
    assert len(cleaned(source, 120)) == 3


def test_private_use_bullets_are_left_out_and_open_an_item() -> None:
    assert cleaned("\uf06c検索は60億回\n\uf06c音声は66億回") == ["検索は60億回", "音声は66億回"]


def test_a_question_asked_over_and_over_is_read_once() -> None:
    asked = "規模はいくらですか？"
    source = f"{asked}{asked}\n{asked} 規\u200b模はいくらですか？\n規模は5億元です。規模は5億元です。\n{asked}"
    assert cleaned(source) == [asked, "規模は5億元です。規模は5億元です。"]
    others = "".join(f"{place}の規模は？" for place in ("北京", "上海", "天津"))
    assert cleaned(f"{asked}{others}{asked}") == [f"{asked}{others}{asked}"]
