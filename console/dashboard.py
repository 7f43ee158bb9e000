"""rq-dashboard at ``/rq/``, behind the operators' sign-in.

It is a small application of its own that only ``/rq/`` can call, once the door has let the
request through. Its pages, scripts and lists are rq-dashboard's; what we do ourselves is what
it does in a way we cannot use:

- it opens a new connection to Redis with each request, without time-outs: the routes here use one client;
- looking at a worker makes that client wait up to seven minutes (RQ prepares it for work): ours leaves it be;
- some of its readings unpickle what they find: ours are JSON throughout;
- it requeues on GET and can delete: requeueing is POST here, deleting is off.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import redis
from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from markupsafe import escape
from rq import VERSION as RQ_VERSION
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker
from rq_dashboard import web as stock  # type: ignore[import-untyped]
from rq_dashboard.version import VERSION as DASHBOARD_VERSION  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound

from console.shapes import error_json
from console.signin import AWAY, SignIn, close_up
from workers import jobs

ROOT = "/rq"
PER_PAGE_MAX = 200
RUNNING_SHOWN_MAX = 200
REGISTRIES = "any(queued, scheduled, deferred, started, finished, failed, canceled)"
LIST = (
    f"<queue_name>/<{REGISTRIES}:registry_name>/<int(min=1, max={PER_PAGE_MAX}):per_page>"
    "/<any(asc, dsc):order>/<int(min=1, max=100000):page>"
)
# Its scripts stand in the page (nonce) and make their rows with Function() (unsafe-eval); single
# elements carry style attributes. Nothing else: no foreign origin, no inline handler.
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
NONCE = "ringback.nonce"


class WatchedWorker(Worker):
    """A worker that is looked at, in another process than its own."""

    job_class = jobs.RingbackJob

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """As it is: RQ would stretch the time-outs of the whole client to those of a waiting worker."""
        return connection


def create_blueprint(signin: SignIn, queue_redis: redis.Redis) -> Blueprint:
    """``/rq/`` and everything under it."""
    board = create_board(queue_redis)
    pages = Blueprint("queues", __name__, template_folder="templates")

    def show(path: str = "") -> Response:
        is_data = request.path.startswith(f"{ROOT}/0/data/")
        refused = signin.door(is_data=is_data)
        if refused is not None:
            return close_up(refused)
        nonce = secrets.token_urlsafe(16)
        environ = {k: v for k, v in request.environ.items() if not k.startswith("werkzeug.")}
        environ |= {"SCRIPT_NAME": ROOT, "PATH_INFO": request.path.removeprefix(ROOT) or "/", NONCE: nonce}
        try:
            answer = make_response(Response.from_app(board.wsgi_app, environ, buffered=True))
        except (NoSuchJobError, InvalidJobOperation, ValueError):
            raise NotFound from None  # gone meanwhile, or not JSON
        except redis.RedisError:
            answer = AWAY.response(as_json=is_data or request.method == "POST")
        return close_up(answer, POLICY.format(nonce=nonce))

    for rule in (f"{ROOT}/", f"{ROOT}/<path:path>"):
        pages.add_url_rule(
            rule, "show", show, methods=["GET", "POST"], strict_slashes=False, provide_automatic_options=False
        )
    return pages


def create_board(queue_redis: redis.Redis) -> Flask:
    """rq-dashboard as an application. It asks nobody who they are: call it from behind the door only."""
    stock.config.serializer = JSONSerializer
    board = Flask(__name__, static_folder=None)
    board.url_map.strict_slashes = board.url_map.merge_slashes = False
    board.redis_conn = queue_redis  # type: ignore[attr-defined]  # where rq-dashboard looks for it
    board.config.update(
        RQ_DASHBOARD_REDIS_URL=("Redis",),  # a name to show; the address may hold a password
        RQ_DASHBOARD_DISABLE_DELETE=True,
        PROPAGATE_EXCEPTIONS=True,
    )
    board.context_processor(lambda: {"nonce": request.environ.get(NONCE, ""), **stock.inject_interval()})
    board.register_blueprint(_routes(Board(queue_redis)))
    return board


def _routes(ours: Board) -> Blueprint:
    """Its routes by its names, which its templates ask for; every one that is not here does not exist."""
    routes = Blueprint(
        "rq_dashboard", "rq_dashboard", template_folder="templates", static_folder="static", static_url_path="/static"
    )  # fmt: skip
    views: list[tuple[str, str, Callable[..., Any], dict[str, Any]]] = [
        ("/", "queues_overview", stock.queues_overview, {"instance_number": 0}),
        ("/<int(max=0):instance_number>/view/queues", "queues_overview", stock.queues_overview, {}),
        ("/<int(max=0):instance_number>/data/queues.json", "list_queues", ours.list_queues, {}),
        ("/<int(max=0):instance_number>/view/jobs", "jobs_overview", stock.jobs_overview,
            {"queue_name": "turns", "registry_name": "finished", "per_page": 8, "order": "asc", "page": 1}),
        (f"/<int(max=0):instance_number>/view/jobs/{LIST}", "jobs_overview", stock.jobs_overview, {}),
        (f"/<int(max=0):instance_number>/data/jobs/{LIST}.json", "list_jobs", stock.list_jobs, {}),
        ("/<int(max=0):instance_number>/view/job/<job_id>", "job_view", ours.job_view, {}),
        ("/<int(max=0):instance_number>/data/job/<job_id>.json", "job_info", ours.job_info, {}),
        ("/<int(max=0):instance_number>/view/workers", "workers_overview", ours.workers_overview, {}),
        ("/<int(max=0):instance_number>/data/workers.json", "list_workers", ours.list_workers, {}),
    ]  # fmt: skip
    for rule, name, view, defaults in views:
        routes.add_url_rule(rule, name, view, defaults=defaults, methods=["GET"])
    for rule, name, view in (
        ("/job/<job_id>/requeue", "requeue_job_view", ours.requeue),
        ("/requeue/<queue_name>", "requeue_all", ours.requeue_all),
        ("/queue/<queue_name>/compact", "compact_queue", ours.compact),
        ("/job/<job_id>/delete", "delete_job_view", ours.no_deleting),
        (f"/queue/<queue_name>/<{REGISTRIES}:registry_name>/empty", "empty_queue", ours.no_deleting),
    ):
        routes.add_url_rule(rule, name, view, methods=["POST"])
    return routes


class Board:
    """The views that rq-dashboard's own cannot be. Safe for threads."""

    def __init__(self, connection: redis.Redis) -> None:
        self._redis = connection

    def list_queues(self, instance_number: int) -> Response:
        """Ours first, in the order in which a worker looks, used or not; then whatever else stands there."""
        others = sorted(q for q in Queue.all(connection=self._redis) if q.name not in jobs.QUEUES)
        ours = [jobs.queue(name, self._redis) for name in jobs.QUEUES]
        return jsonify(queues=stock.serialize_queues(instance_number, [*ours, *others]))

    def job_view(self, instance_number: int, job_id: str) -> str:
        if not jobs.RingbackJob.exists(job_id, connection=self._redis):
            raise NotFound
        return _page("job.html", id=job_id, enable_delete=False)

    def job_info(self, instance_number: int, job_id: str) -> Response:
        """Escaped here: its page puts these texts into itself as they are."""
        answer: Response = make_response(stock.job_info(instance_number, job_id))
        return jsonify(_escaped(answer.get_json()))

    def workers_overview(self, instance_number: int) -> str:
        return _page("workers.html", active_tab="workers")

    def list_workers(self, instance_number: int) -> Response:
        running = self._running()
        found = WatchedWorker.all(connection=self._redis, serializer=JSONSerializer)
        rows = [_worker_json(worker, running.get(worker.name, [])) for worker in found]
        return jsonify(workers=sorted(rows, key=lambda row: (row["state"], row["queues"], row["name"])))

    def requeue(self, job_id: str) -> Any:
        """A job only rings, so once more does no harm. Raises ``NoSuchJobError``."""
        if not self._requeue(job_id):
            return jsonify(error_json("not_failed", "Only a failed job can be enqueued again.")), 409
        return jsonify(status="OK")

    def requeue_all(self, queue_name: str) -> Response:
        ids = self._queue(queue_name).failed_job_registry.get_job_ids(cleanup=False)
        return jsonify(status="OK", count=sum(self._requeue(job_id, missing_ok=True) for job_id in ids))

    def compact(self, queue_name: str) -> Response:
        self._queue(queue_name).compact()
        return jsonify(status="OK")

    def no_deleting(self, job_id: str = "", queue_name: str = "", registry_name: str = "") -> Any:
        message = "Nothing is deleted here: finished jobs go after ten minutes, failed ones after seven days."
        return jsonify(error_json("deleting_is_off", message)), 403

    def _queue(self, name: str) -> Queue:
        if name not in jobs.QUEUES:
            raise NotFound
        return jobs.queue(name, self._redis)

    def _requeue(self, job_id: str, *, missing_ok: bool = False) -> bool:
        try:
            job = jobs.RingbackJob.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
            if job.origin not in jobs.QUEUES or not job.is_failed:
                return False
            job.requeue()
        except InvalidJobOperation:
            return False
        except NoSuchJobError:
            if not missing_ok:
                raise
            return False
        return True

    def _running(self) -> dict[str, list[Job]]:
        """Worker's name -> what it runs now. One process of ours runs many; RQ's own record holds one."""
        found: dict[str, list[Job]] = defaultdict(list)
        for name in jobs.QUEUES:
            registry = StartedJobRegistry(name, connection=self._redis, serializer=JSONSerializer)
            ids = registry.get_job_ids(0, RUNNING_SHOWN_MAX - 1, cleanup=False)
            for job in jobs.RingbackJob.fetch_many(ids, self._redis, serializer=JSONSerializer):
                if job is not None and job.worker_name:
                    found[job.worker_name].append(job)
        return found


def _worker_json(worker: BaseWorker, running: list[Job]) -> dict[str, Any]:
    """As rq-dashboard writes it; of many jobs the first is shown, and the number of the others."""
    current: Any = "idle"
    if running:
        job, others = running[0], len(running) - 1
        words = f"{job.description or 'a job'}" + (f", and {others} more" if others else "")
        current = {
            "job_id": job.id, "description": words, "call_string": words,
            "created_at": stock.serialize_date(job.created_at),
        }  # fmt: skip
    return dict(_escaped({
        "name": worker.name, "pid": worker.pid, "queues": worker.queue_names(), "current_job": current,
        "state": "busy" if running else str(worker.get_state()),
        "last_heartbeat": stock.serialize_date(worker.last_heartbeat),
        "birth_date": stock.serialize_date(worker.birth_date),
        "successful_job_count": worker.successful_job_count, "failed_job_count": worker.failed_job_count,
        "total_working_time": worker.total_working_time,
        "version": worker.version, "python_version": worker.python_version,
    }))  # fmt: skip


def _page(name: str, **more: Any) -> str:
    return render_template(
        f"rq_dashboard/{name}", current_instance=0, instance_list=["Redis"], rq_url_prefix=f"{ROOT}/",
        rq_dashboard_version=DASHBOARD_VERSION, rq_version=RQ_VERSION, **more,
    )  # fmt: skip


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return str(escape(value))
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    return value
