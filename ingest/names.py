"""Names that a text gives in two scripts, 「百度（Baidu）」: mined from every document that is taken in."""

import re

from retriever.text import trailing_name

_GLOSSED = re.compile(r"([\u3040-\u30ff\u3400-\u9fffA-Za-z0-9・]{2,30})[（(]([A-Za-z][A-Za-z0-9 .&'-]{1,40})[）)]")


def glossed_names(text: str) -> dict[str, str]:
    """Latin form → the Japanese name before its bracket."""
    found: dict[str, str] = {}
    for before, latin in _GLOSSED.findall(text):
        name = trailing_name(before)
        if len(name) > 1 and not name.isascii():
            found.setdefault(latin.strip(), name)
    return found
