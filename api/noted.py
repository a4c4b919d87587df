"""What is noted of a request on its way: for its line in the log, for the metrics, for whoever lets it in."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Noted:
    """`route`: its template, `other` where there is none. `stages`: milliseconds. `key_id`: whose request it is.

    `waited`: seconds, for its turn. `shed`: why it was sent away, so that others are answered."""

    request_id: str
    route: str = "other"
    key_id: str | None = None
    stages: dict[str, float] = field(default_factory=dict)
    outcome: str | None = None
    mode: str | None = None
    degraded: bool = False
    waited: float | None = None
    shed: str | None = None


request: ContextVar[Noted | None] = ContextVar("request", default=None)
"""That of the request at work; none on the command line."""


def note_stages(milliseconds: Mapping[str, float], prefix: str = "") -> None:
    if noted := request.get():
        noted.stages.update({prefix + stage: spent for stage, spent in milliseconds.items()})


def note_answer(answered: bool, mode: str, degraded: bool) -> None:
    if noted := request.get():
        noted.outcome, noted.mode, noted.degraded = "answered" if answered else "abstained", mode, degraded
