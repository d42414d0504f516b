"""A real web server on a loopback port, whose answers a test decides."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Thread

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serve(answers: dict[str, Answer | list[Answer]]) -> Iterator[tuple[str, list[str]]]:
    """Address of a server, and the paths asked of it so far; of a list, one answer a request."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, status(404))
            if isinstance(answer, list):
                answer = answer[min(asked.count(self.path), len(answer) - 1)]
            asked.append(self.path)
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def _head(handler: BaseHTTPRequestHandler, code: int, length: int, headers: dict[str, str]) -> None:
    handler.send_response(code)
    for name, value in {"Content-Length": str(length), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def content(body: bytes, *, promised: int | None = None, encoding: str = "identity") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        length = len(body) if promised is None else promised
        _head(handler, 200, length, {"Content-Encoding": encoding})
        handler.wfile.write(body)

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda handler: _head(handler, code, 0, headers)


def trickle(body: bytes, *, seconds: float) -> Answer:
    """One byte at a time, with a pause after each."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, len(body), {})
        _slowly(handler, body, seconds)

    return answer


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Nothing, until the client gives up."""
    with suppress(OSError):
        handler.rfile.read(1)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Not a word."""
    handler.connection.shutdown(SHUT_RDWR)


def dawdle(*, seconds: float) -> Answer:
    """A header that goes on and on, one byte at a time, with a pause after each."""
    return lambda handler: _slowly(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, seconds)


def _slowly(handler: BaseHTTPRequestHandler, data: bytes, seconds: float) -> None:
    with suppress(OSError):  # the client has given up, as it should
        for byte in data:
            handler.wfile.write(bytes([byte]))
            time.sleep(seconds)
