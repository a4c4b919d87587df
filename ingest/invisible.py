"""Characters that a reader can't see, or that turn the direction of what stands beside them.

Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt) and control characters: zero-width ones, marks of
direction, soft hyphens, tags, fillers. What makes a visible character look as it should is no such thing: a joiner
between emoji, one variation selector behind an emoji or a kanji.
"""

import re
from collections.abc import Iterator

from retriever.records import Span

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_EMOJI = "\u203c-\u3299\U0001f000-\U0001faff"
_KANJI = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_INVISIBLE = re.compile(
    rf"(?:(?<=[{_EMOJI}0-9#*])\ufe0f(?:\u200d(?=[{_EMOJI}]))?|(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])"
    rf"|(?<=[{_EMOJI}])\ufe0e|(?<=[{_KANJI}])[\ufe00-\ufe02\U000e0100-\U000e01ef])"
    rf"|([{_IGNORABLE}{_CONTROL}])"
)
"""What is to be seen first, so that only the rest is in the group."""


def invisible_spans(text: str) -> Iterator[Span]:
    """One a character, in order."""
    return (found.span() for found in _INVISIBLE.finditer(text) if found[1])


def visible(text: str) -> str:
    """What a reader sees of a text."""
    return replaced(text, "")


def replaced(text: str, by: str) -> str:
    """With something else for each invisible character."""
    return _INVISIBLE.sub(lambda found: by if found[1] else found[0], text)


def spelt(text: str) -> str:
    """Invisible characters as ⟦U+202E⟧."""
    return _INVISIBLE.sub(lambda found: f"⟦U+{ord(found[1]):04X}⟧" if found[1] else found[0], text)
