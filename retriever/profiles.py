"""langdetect with its profiles kept small: 22 MB instead of 60. It keeps a probability of each of 55 languages for each
of 88,000 n-grams; most of them belong to one or two."""

from functools import cache
from typing import Any

from langdetect import PROFILES_DIRECTORY, DetectorFactory


class _Rows(dict[str, tuple[float, ...]]):
    """n-gram → the places of its languages, each with the probability after it; read as one probability a language."""

    def __init__(self, languages: list[str]):
        super().__init__()
        self._languages = languages

    def __getitem__(self, ngram: str) -> list[float]:  # type: ignore[override]
        row = [0.0] * len(self._languages)
        found = super().__getitem__(ngram)
        for place, probability in zip(found[::2], found[1::2], strict=True):
            row[int(place)] = probability
        return row


class _Profiles(DetectorFactory):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.seed = 0
        self.word_lang_prob_map = _Rows(self.langlist)

    def add_profile(self, profile: Any, index: int, langsize: int) -> None:
        self.langlist.append(profile.name)
        for ngram, count in profile.freq.items():
            if len(ngram) <= len(profile.n_words):
                known = self.word_lang_prob_map.get(ngram, ())
                self.word_lang_prob_map[ngram] = (*known, index, count / profile.n_words[len(ngram) - 1])


@cache
def profiles() -> Any:
    """A factory of detectors. Takes half a second."""
    factory = _Profiles()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory
