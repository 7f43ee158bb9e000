"""A web server of a test's own, in this process: of a handler, or of one function that every request is put to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


@contextlib.contextmanager
def hosted(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The origin of a server whose requests ``handler`` answers, in a thread for each."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@contextlib.contextmanager
def served(respond: Callable[[str, str, dict[str, str], Any], Answer]) -> Iterator[str]:
    """The origin of a server that asks ``respond``, in a thread for each: method, path, headers and JSON body.

    The body of a form is given as its text.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_form = "form" in self.headers.get("Content-Type", "")
            body = raw.decode() if is_form else json.loads(raw) if raw else None
            status, headers, content = respond(self.command, self.path, dict(self.headers), body)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    with hosted(Handler) as origin:
        yield origin
