"""How the web process listens: gunicorn reads its settings from the names of this file.

Faulty settings and agents' files end the process here, with every fault on stderr and exit status 2,
before gunicorn could turn them into a restart loop.
"""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger

from config.agents import agents_or_exit
from config.settings import settings_or_exit
from session.manager import policies_or_exit

_settings = settings_or_exit("web")
policies_or_exit(agents_or_exit(_settings), _settings)


class QuietLogger(Logger):
    """gunicorn's own log, without the request's words: paths and headers hold phone numbers and texts."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Invalid request"):
            msg, args = "A request that is not HTTP was refused.", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A fault while a request is handled loses its path and its trace, which may quote the request."""
        if str(msg).startswith("Error handling request"):
            super().error("A request failed in the web server.")
        else:
            super().exception(msg, *args, **kwargs)


# Named here and not on the command line: a shell takes parentheses for its own.
wsgi_app = "ingress.app:create_app()"

# Every interface of a dyno, whose router comes from outside; loopback alone under `make run`.
bind = os.environ.get("RINGBACK_BIND") or f"0.0.0.0:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "gthread"
threads = _settings.web_threads

# A worker whose main loop has hung is replaced after `timeout`; a request under way at SIGTERM has
# `graceful_timeout`, less than the 30 s a platform allows.
timeout = 30
graceful_timeout = 20
# Longer than the 60 to 90 s of the usual routers: the side that closes first must be theirs, or they send
# a request into a closing connection.
keepalive = 95

accesslog = None
errorlog = "-"
loglevel = "warning"
logger_class = QuietLogger

# It would stand under $HOME, one for every instance on the machine.
control_socket_disable = True
# The heartbeat file on a disk can block a worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
