"""What the project promises about itself."""

import hashlib
import re
import subprocess

from conftest import CORPUS, ROOT

import api
import ingest
import retriever
from api.settings import Settings

SEEDS = {
    "000_2db3ef48a6d9200c.txt": "79e265ded1a831a0f4ed4d12310d3939cb3ad045fdc663502b7e8c98119fddc3",
    "001_5012c29cd5c14aca.txt": "8afdf2e493921ebf726ca3bb16a46f79a7cc2ce33b89307767bd17b8d4ba8d87",
    "002_ff1c1cbbfafce9d7.txt": "62259945940e75a13b1d2e11b0da351b830155be8c2bed04491c434a0945f0e2",
    "003_a897999b9502ea09.txt": "d39629ba01facb2563073ae09f9e7c80a6a76700e61b3c3ff00cfab86b9a154d",
    "004_17361f999aa8c8f0.txt": "18a7802923f5ae3d5f2bb1bef1eecd6b9ae2e052783fbb4de3ceabae8a89309b",
}


def test_packages_are_this_projects_own() -> None:
    for package in (api, ingest, retriever):
        assert package.__file__ is not None
        assert package.__file__.startswith(str(ROOT))


def test_the_sources_are_kept_byte_for_byte() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in CORPUS.glob("*.txt")}
    assert found == SEEDS


def test_git_leaves_the_sources_alone() -> None:
    if not (ROOT / ".git").exists():
        return
    said = subprocess.run(
        ["git", "check-attr", "text", "--", *(f"corpus/{name}" for name in SEEDS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert said.stdout.count("text: unset") == len(SEEDS)


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in Settings.model_fields:
        assert f"`TENKYO_{name.upper()}`" in readme, name


def test_every_dependency_says_why_it_is_there_and_is_pinned() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = text[text.index("dependencies = [") : text.index("]\n\n[project.optional")]
    for line in block.splitlines()[1:]:
        assert re.fullmatch(r'\s+"[\w\-\[\]]+==[\w.]+",\s+# .+', line), line


def test_every_test_that_security_md_names_is_there() -> None:
    named = re.findall(r"`(test_\w+)(?:::(test_\w+))?`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(named) > 20
    for file, test in named:
        text = (ROOT / "tests" / f"{file}.py").read_text("utf-8")
        assert not test or f"def {test}(" in text, (file, test)
