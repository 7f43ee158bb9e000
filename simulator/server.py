"""A small HTTP/1.1 server for one WSGI app: a thread for each connection, kept alive, loopback only.

Werkzeug's own server closes every connection, and gunicorn cannot hang up without an answer, which
is one of the faults asked of the local Twilio.
"""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_to_bytes

IDLE_S = 75  # a client's pooled connection may rest this long
BODY_LIMIT = 4 * 1024 * 1024  # bytes; a model request with a long history is far below
UPLOAD_PATH, UPLOAD_LIMIT = "/phone/media", 32 * 1024 * 1024  # the page says itself what is too large
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server(ThreadingHTTPServer):
    """Serves ``app`` on ``host``:``port`` (0: any free one). Raises ValueError off loopback."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, app: Wsgi, port: int, host: str = "127.0.0.1") -> None:
        if host not in LOOPBACK_HOSTS:
            raise ValueError("the local Twilio listens on loopback only: 127.0.0.1, ::1 or localhost")
        self.app = app
        if host == "::1":
            self.address_family = socket.AF_INET6
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        # HTTPServer's own would look up the host's name, which can take seconds without DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error; of any other only the type is told, never the content."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            print(f"simulator: {type(error).__name__} in a connection", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """One connection: reads a request whole, runs the app, writes the answer."""

    protocol_version = "HTTP/1.1"
    server_version = "local-twilio"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = IDLE_S
    wbufsize = -1  # head and body leave in one packet
    server: Server

    def _run(self) -> None:
        body = self._body()
        if body is None:
            return
        self._dropped = False
        self._status = "500 Internal Server Error"
        self._headers: list[tuple[str, str]] = []
        chunks = self.server.app(self._environ(body), self._start_response)
        try:
            if not self._dropped:
                self._answer(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _run

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: paths hold phone numbers."""

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.send_error(411)
            return None
        length = self.headers.get("Content-Length", "0")
        limit = UPLOAD_LIMIT if self.path == UPLOAD_PATH else BODY_LIMIT
        if not length.isdecimal() or int(length) > limit:
            self.close_connection = True
            self.send_error(413 if length.isdecimal() else 400)
            return None
        return self.rfile.read(int(length))

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self._status, self._headers = status, headers

    def _answer(self, chunks: Iterable[bytes]) -> None:
        code, _, reason = self._status.partition(" ")
        names = {name.lower() for name, _ in self._headers}
        bodiless = self.command == "HEAD" or code in ("204", "304")
        chunked = "content-length" not in names and not bodiless
        self.send_response(int(code), reason)
        for name, value in self._headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk and not bodiless:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                if chunked:
                    self.wfile.flush()  # server-sent events must not wait for company
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _drop(self) -> None:
        """Hangs up without an answer, at once for the client as well as for us."""
        self._dropped = True
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "simulator.drop": self._drop,
        }
        for name in set(self.headers.keys()) - {"Content-Type", "Content-Length"}:
            values = self.headers.get_all(name) or []
            environ["HTTP_" + name.upper().replace("-", "_")] = ",".join(values)
        return environ
