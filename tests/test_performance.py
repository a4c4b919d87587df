"""One section of the page is replaced, and nothing else."""

from pathlib import Path

from eval.performance import machine, write_section


def sections(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line.startswith("## ")]


def test_a_section_takes_the_place_of_the_one_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    write_section("scale", "tenkyo eval bench scale", ["| 10,000 |"], path)
    write_section("speed", "tenkyo eval bench speed", ["first", "", "### HTTP", "", "old"], path)
    write_section("peers", "tenkyo eval bench peers", ["third"], path)
    before = path.read_text("utf-8")
    write_section("speed", "tenkyo eval bench speed", ["second"], path)
    after = path.read_text("utf-8")
    assert sections(path) == ["## scale", "## speed", "## peers"]
    assert after == before.replace("first\n\n### HTTP\n\nold", "second")
    assert after.startswith("# Performance\n\nEach section is written by the command that it names.\n\n## scale\n\n")
    assert f", {machine()}.\n\nsecond\n\n## peers" in after
    assert after.endswith("third\n")
    write_section("speed", "tenkyo eval bench speed", ["second"], path)
    assert path.read_text("utf-8") == after
