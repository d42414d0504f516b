"""A real web server on a loopback port, whose answers a test decides."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
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


def content(body: bytes, *, promised: int | None = None, encoding: str = "identity") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) if promised is None else promised))
        handler.send_header("Content-Encoding", encoding)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def trickle(body: bytes, *, seconds: float) -> Answer:
    """One byte at a time, with a pause after each."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with suppress(OSError):  # the client has given up, as it should
            for i in range(len(body)):
                handler.wfile.write(body[i : i + 1])
                handler.wfile.flush()
                time.sleep(seconds)

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

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            for byte in chain(b"HTTP/1.1 200 OK\r\nX-Long: ", repeat(b"x"[0], 1000)):
                handler.wfile.write(bytes([byte]))
                time.sleep(seconds)

    return answer
