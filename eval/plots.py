"""Plots as SVG text, for a page that needs nothing from outside."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from eval.statistics import Estimate


def _figure(height: float) -> tuple[Any, Any]:
    """A figure without a window; matplotlib is loaded only where something is drawn."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "tenkyo", "font.size": 9, "axes.spines.top": False}
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(6.4, height), layout="constrained")


def _svg(figure: Any) -> str:
    from matplotlib import pyplot as plt

    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    return text[text.index("<svg") :]


def intervals(estimates: Mapping[str, Estimate], label: str) -> str:
    """Means as points, intervals as bars, one row a name."""
    figure, axes = _figure(0.6 + 0.3 * len(estimates))
    names = list(estimates)[::-1]
    for row, name in enumerate(names):
        found = estimates[name]
        axes.plot([100 * found.low, 100 * found.high], [row, row], color="#8aa", linewidth=4, solid_capstyle="round")
        axes.plot(100 * found.mean, row, "o", color="#134")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(f"{label}, % (95% interval)")
    axes.set_xlim(0, 100)
    return _svg(figure)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Risk over coverage."""
    figure, axes = _figure(2.6)
    axes.plot([100 * x for x, _ in points], [100 * y for _, y in points], color="#134")
    axes.set_xlabel("questions answered, % (most confident first)")
    axes.set_ylabel("answers without the gold, %")
    axes.set_ylim(0, 100)
    return _svg(figure)


def histogram(milliseconds: Sequence[float]) -> str:
    figure, axes = _figure(2.2)
    axes.hist(milliseconds, bins=30, color="#8aa")
    axes.set_xlabel("milliseconds an answer took")
    axes.set_ylabel("questions")
    return _svg(figure)
