"""eval/performance.md: a section for each benchmark of speed, written by its own command."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PERFORMANCE = Path(__file__).with_name("performance.md")
_HEAD = "# Performance\n\nEach section is written by the command that it names.\n"
_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def write_section(name: str, command: str, lines: Sequence[str], path: Path = PERFORMANCE) -> None:
    """Put a section in the place of the one of this name, or at the end; the others stay as they are."""
    head, *sections = re.split(r"(?m)^(?=## )", path.read_text("utf-8") if path.exists() else _HEAD)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    section = "\n".join([f"## {name}", "", f"`{command}`, {today}, {machine()}.", "", *lines, ""])
    names = [section.split("\n", 1)[0] for section in sections]
    place = names.index(f"## {name}") if f"## {name}" in names else len(sections)
    sections[place : place + 1] = [section]
    path.write_text("\n".join(part.strip("\n") + "\n" for part in (head, *sections)), "utf-8")


def machine() -> str:
    """AMD EPYC, 2 cores, 24 GB, Linux 6.1, Python 3.11.9."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {system}"


def _processor() -> str:
    """As Linux names it; elsewhere what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    found = _MODEL.search(cpuinfo.read_text("utf-8")) if cpuinfo.exists() else None
    return found[1] if found else platform.machine()
