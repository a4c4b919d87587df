"""What Prometheus reads at /metrics. With several workers their counts lie in files that all of them read."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from api.noted import Noted
from api.shared import shared_folder

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Metrics:
    """The counts of an application."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        timed = partial(Histogram, buckets=_SECONDS, registry=own)
        self._requests = Counter(
            "tenkyo_requests", "Requests, once answered.", ["method", "route", "status"], registry=own
        )
        self._seconds = timed("tenkyo_request_seconds", "From request to the end of the answer.", ["route"])
        self._in_flight = Gauge(
            "tenkyo_requests_in_flight", "Requests at work now.", registry=own, multiprocess_mode="livesum"
        )
        self._stages = timed("tenkyo_stage_seconds", "Stages of searches and answers.", ["stage"])
        self._answers = Counter(
            "tenkyo_answers", "Answers; `abstained`: the documents don't tell.", ["outcome", "mode"], registry=own
        )
        self._waiting = Gauge(
            "tenkyo_requests_waiting", "Requests that wait for their turn.", registry=own, multiprocess_mode="livesum"
        )
        self._waited = timed("tenkyo_wait_seconds", "From request to its turn; 0: it was its turn at once.")
        self._shed = Counter(
            "tenkyo_shed_requests", "Requests sent away, so that others are answered.", ["reason"], registry=own
        )
        self._degraded = Counter("tenkyo_degraded_answers", "Answers made otherwise than was asked for.", registry=own)
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def waiting(self, change: int) -> None:
        self._waiting.inc(change)

    def shed(self, reason: str) -> None:
        self._shed.labels(reason).inc()

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, noted: Noted, method: str, status: int, seconds: float) -> None:
        self._in_flight.dec()
        counter, histogram = self._of(method if method in _METHODS else "other", noted.route, status)
        counter.inc()
        histogram.observe(seconds)
        for stage, milliseconds in noted.stages.items():
            self._stages.labels(stage).observe(milliseconds / 1000)
        if noted.shed:
            self.shed(noted.shed)
        elif noted.waited is not None:
            self._waited.observe(noted.waited)
        if noted.outcome:
            self._answers.labels(noted.outcome, noted.mode).inc()
        if noted.degraded:
            self._degraded.inc()

    def _of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Kept, as looking them up takes longer than counting."""
        if not (found := self._found.get((method, route, status))):
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._found[method, route, status] = found
        return found

    def exposition(self, state: Iterable[GaugeMetricFamily]) -> bytes:
        """The text format, of all workers. `state`: gauges that are looked up just now."""
        folder, registry = shared_folder(), self._registry
        if folder:
            _forget_dead(folder)
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        now.register(_Given(state))
        return generate_latest(registry) + generate_latest(now)


def gauge(name: str, told: str, value: float, **labels: str) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, told, labels=list(labels))
    found.add_metric(list(labels.values()), value)
    return found


class _Given(Collector):
    def __init__(self, families: Iterable[GaugeMetricFamily]):
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _forget_dead(folder: Path) -> None:
    """What workers had in flight when they were killed."""
    for path in folder.glob("gauge_live*.db"):
        process = int(path.stem.rsplit("_", 1)[1])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
