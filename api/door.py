"""At the door: who needn't even come in is refused there, before anything else is done for a request.

An overload is many times as many refusals as answers: each passes by the application, and costs a fraction of one
that goes through it.
"""

from collections.abc import Callable
from functools import cache

from api.admission import Queue
from api.metrics import Metrics
from api.noted import Noted
from api.observed import completed, new_request_id, tell
from api.refusals import STATUS, Shed, is_openai, written


class Door:
    """`route_of`: the route of a method and path, as the metrics name it."""

    def __init__(self, queue: Queue, route_of: Callable[[str, str], str], metrics: Metrics):
        self._queue = queue
        self._route_of = route_of
        self._metrics = metrics

    def refusal(self, method: str, path: str) -> bytes | None:
        """Headers and body of the answer to who isn't let in, whose status is 503; counted and logged like any."""
        route = self._route_of(method, path)
        shed = self._queue.shed(route)
        if not shed:
            return None
        noted = Noted(new_request_id(), route, shed=shed.reason)
        self._metrics.began()
        self._metrics.ended(noted, method, STATUS[shed.code], 0.0)
        tell(noted, method, STATUS[shed.code], 0.0)
        return _response(shed, is_openai(path)).replace(_ID.encode(), noted.request_id.encode())


_ID = "0123456789abcdef"
"""As long as a request's id, which takes its place."""


@cache
def _response(shed: Shed, openai: bool) -> bytes:
    headers, body = written(shed, openai, _ID)
    lines = [b"%s: %s\r\n" % header for header in completed(headers, _ID)]
    return b"".join((*lines, b"\r\n", body))
