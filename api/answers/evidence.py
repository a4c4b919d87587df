"""How sure an answer is: two logistic regressions over what speaks for it and against it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CALIBRATION = Path(__file__).with_name("calibration.json")
ARMS = ("headings", "dense", "asked_bigrams")
"""Whose best score speaks for an answer, whichever of the passages found has it."""
FOR = ("best", *ARMS, "alike", "likest", "asked_both", "asked_own")
AGAINST = (
    "lacks_value",
    "wrong_year",
    "rarest",
    "another_name",
    "unheard_name",
    "missing",
    "unknown",
    "crowded",
    "asks_other",
    "unasked",
)
FEATURES = (*FOR, *AGAINST, "constant")
"""What is `FOR` an answer never counts against it, nor the other way round: a word that nobody knows makes no answer
surer, though questions without an answer were written with fewer of them. Whether a passage is `new` is in the evidence
too: it chooses the weights."""
MOST_SURE = 3.0
"""Past these odds (20 to 1) relevance and support say no more of whether the answer is right."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic regressions over `FEATURES`, and the least of each at which one answers. Passages with and without
    written questions have each their own.

    `relevance`: is this the documents' field? `support`: do they say just what is asked? `confidence`, that an answer
    holds what was asked for, is reckoned from the sums of both and the best sentence's score.
    """

    relevance: Mapping[str, float]
    support: Mapping[str, float]
    confidence: Mapping[str, float]
    least_relevance: float
    least_support: float


@cache
def calibration(is_new: bool) -> Calibration:
    """As `tenkyo eval fit` learnt it, for documents that questions were written for, and for new ones."""
    return Calibration(**json.loads(CALIBRATION.read_text("utf-8"))["new" if is_new else "written"])


def is_enough(evidence: Mapping[str, float]) -> bool:
    """Whether to answer."""
    learnt = calibration(bool(evidence["new"]))
    relevant = weigh(evidence, learnt.relevance) >= learnt.least_relevance
    return relevant and weigh(evidence, learnt.support) >= learnt.least_support


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability that an answer from this evidence holds what was asked for."""
    learnt = calibration(bool(evidence["new"]))
    sums = {name: min(MOST_SURE, weigh(evidence, getattr(learnt, name))) for name in ("relevance", "support")}
    return 1 / (1 + math.exp(-weigh(sums | {"best": evidence["best"], "constant": 1.0}, learnt.confidence)))


def weigh(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """A logistic regression's sum: the logarithm of the odds."""
    return sum(weight * evidence.get(name, 0.0) for name, weight in weights.items())
