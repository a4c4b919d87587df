"""Logging, set up once a process: lines for a person, or JSON objects for a collector."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from api.noted import request

_encode = json.JSONEncoder(ensure_ascii=False).encode
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(level: str, kind: Literal["text", "json"]) -> None:
    """Everything goes to stderr, uvicorn's own lines too where it is given no `log_config`."""
    logging._srcfile = None  # the library's own advice for speed: no line tells where it was written, nor by whom
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if kind == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("mcp", "httpx", "httpx2"):  # else they tell of every request
        logging.getLogger(name).setLevel("WARNING")


class JsonFormatter(logging.Formatter):
    """A JSON object a line: `fields` of the record, and the id of the request that it was written for."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if noted := request.get():
            line["request_id"] = noted.request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)
