"""Intervals and significance, by SciPy: bootstrap (Efron 1979) and the paired randomisation test (Fisher 1935).

`scipy.stats` takes a second to import, so it is loaded where it is used: not every command is an evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
SEED = 7


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95% bootstrap interval (percentile) over `count` questions."""

    mean: float
    low: float
    high: float
    count: int


def estimate(values: Sequence[float], seed: int = SEED) -> Estimate:
    """Of one value a question. An empty sample has no estimate: raises `ValueError`."""
    if not values:
        raise ValueError("no values to estimate a mean of")
    sample = np.asarray(values, float)
    if len(sample) == 1 or np.ptp(sample) == 0:
        return Estimate(float(sample[0]), float(sample[0]), float(sample[0]), len(sample))
    from scipy import stats

    interval = stats.bootstrap(
        (sample,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    ).confidence_interval
    return Estimate(float(sample.mean()), float(interval.low), float(interval.high), len(sample))


def paired_p_value(ours: Sequence[float], theirs: Sequence[float], seed: int = SEED) -> float:
    """Two-sided: how often sign flips of the paired differences give as large a mean difference."""
    differences = np.asarray(ours, float) - np.asarray(theirs, float)
    if not differences.any():
        return 1.0
    from scipy import stats

    result = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
