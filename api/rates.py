"""How often a key may ask: the generic cell rate algorithm (ITU-T I.371), one SQL statement a request.

The counts lie in SQLite, in memory or, for several workers, in a file that they share. `limits` shares counts through a
server only, and `pyrate-limiter`'s file keeps a row for each request instead of one for each caller.
"""

import math
import sqlite3
import time
from functools import cached_property

from api.shared import shared_folder

SECONDS = 60.0
_SPEND = """
INSERT INTO rates VALUES (:who, :now + :each)
ON CONFLICT (who) DO UPDATE SET free = max(free, :now) + :each WHERE max(free, :now) + :each <= :now + :window
RETURNING free
"""
_SWEEP_EVERY = 1000


class Rates:
    """Each caller may spend `per_minute` requests at once, and gets back as many a minute, evenly. 0: no limit."""

    def __init__(self, per_minute: int):
        self.per_minute = per_minute
        self._spent = 0

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        folder = shared_folder()
        path = folder / "rates.sqlite" if folder else ":memory:"
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # it lives no longer than the service
        connection.execute("CREATE TABLE IF NOT EXISTS rates (who TEXT PRIMARY KEY, free REAL) WITHOUT ROWID")
        return connection

    def close(self) -> None:
        if "_connection" in self.__dict__:
            self._connection.close()
            del self._connection

    def spend(self, who: str, now: float | None = None) -> int | None:
        """Seconds to wait where `who` has nothing left. `now`: in seconds, the same clock for all workers."""
        if not self.per_minute:
            return None
        now = time.time() if now is None else now
        self._spent += 1
        if self._spent % _SWEEP_EVERY == 0:
            self._connection.execute("DELETE FROM rates WHERE free < ?", (now,))
        each = SECONDS / self.per_minute
        values = {"who": who, "now": now, "each": each, "window": SECONDS}
        if self._connection.execute(_SPEND, values).fetchone():
            return None
        free: float = self._connection.execute("SELECT free FROM rates WHERE who = ?", (who,)).fetchone()[0]
        return max(1, math.ceil(free + each - now - SECONDS))
