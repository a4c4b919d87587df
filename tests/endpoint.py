"""A real HTTP server that behaves like an OpenAI-compatible chat endpoint, well or badly."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """`text` is sent in pieces of five characters where a stream is asked for, else whole.

    `raw` is sent instead of a chat reply; `pause_s` passes before each piece; `cut_after` so many pieces the connection
    breaks; `finish`: why it ended.
    """

    text: str = ""
    status: int = 200
    raw: str | None = None
    pause_s: float = 0.0
    cut_after: int | None = None
    finish: str | None = "stop"


@dataclass
class Endpoint:
    """`asked`: the requests' bodies; `replies`: given one after the other, then `default` again and again;
    `gone`: set when a client went away in the middle."""

    base_url: str = ""
    default: Reply = field(default_factory=Reply)
    replies: list[Reply] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def prompt(self) -> str:
        """The last request's texts."""
        return "\n".join(message["content"] for message in self.asked[-1]["messages"])


@contextmanager
def serving() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    yield endpoint
    server.shutdown()
    server.server_close()


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append(body)
            endpoint.keys.append(self.headers["Authorization"])
            reply = endpoint.replies.pop(0) if endpoint.replies else endpoint.default
            self.send_response(reply.status)
            streamed = body.get("stream") and reply.raw is None
            self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
            self.end_headers()
            try:
                self._stream(reply) if streamed else self._whole(reply)
            except (BrokenPipeError, ConnectionResetError):
                endpoint.gone.set()

        def _whole(self, reply: Reply) -> None:
            time.sleep(reply.pause_s)
            chat = json.dumps({"choices": [{"message": {"content": reply.text}, "finish_reason": reply.finish}]})
            self.wfile.write((chat if reply.raw is None else reply.raw).encode())

        def _stream(self, reply: Reply) -> None:
            pieces = [reply.text[i : i + 5] for i in range(0, len(reply.text), 5)]
            for piece in pieces[: reply.cut_after]:
                time.sleep(reply.pause_s)
                self._event({"delta": {"content": piece}, "finish_reason": None})
            if reply.cut_after is None:
                self._event({"delta": {}, "finish_reason": reply.finish})
                self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, choice: dict[str, Any]) -> None:
            self.wfile.write(f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            pass

    return Handler
