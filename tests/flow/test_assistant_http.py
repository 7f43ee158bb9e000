"""The assistant against the simulator's model server, over HTTP on loopback, in both dialects."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from ai import bounded_http
from ai.assistant import Assistant, ModelFault, ModelUnavailable
from ai.prompt import Item
from config.agents import Agent, EntityField
from simulator.model import create_blueprint, create_control_blueprint

KEY = "sk-canary-key-0123456789"
CANARY = "canary-words"
ENTITIES = ("order_number", "customer_name", "issue_type")
AGENT = Agent("a", "A", "I", "", tuple(EntityField(name, "string", "D") for name in ENTITIES))
ITEMS = [
    Item("developer", "Be kind."),
    Item("user", "Hi"),
    Item("assistant", "Hello"),
    Item("developer", "A notice."),
    Item("user", f"Trouble with order #12345 {CANARY}"),
    Item("user", "\U0001f600 It hasn't shipped"),
]
DIALECTS = ("openai", "openai-compatible")


class Model:
    """The simulator's model server, listening."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.base_url = origin + "/v1"

    def call(self, path: str, body: Any = None, method: str = "", key: str = KEY) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.origin + path, data, headers, method=method or None)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def behave(self, **changes: Any) -> None:
        assert self.call("/_control/model", changes)[0] == 200

    def requests(self) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = self.call("/_control/model/requests")[1]["requests"]
        return received


@pytest.fixture(scope="module")
def server() -> Iterator[Model]:
    app = Flask(__name__)
    app.register_blueprint(create_blueprint(), url_prefix="/v1")
    app.register_blueprint(create_control_blueprint())
    httpd = make_server("127.0.0.1", 0, app, threaded=True)  # its threads are daemons: hanging is allowed
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield Model(f"http://127.0.0.1:{httpd.server_port}")
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def model(server: Model) -> Model:
    server.call("/_control/model", method="DELETE")
    return server


@pytest.fixture(params=DIALECTS)
def assistant(request: pytest.FixtureRequest, model: Model) -> Iterator[Assistant]:
    assistant = Assistant(request.param, KEY, model.base_url, "gpt-x", timeout_seconds=10)
    yield assistant
    assistant.close()


def test_an_answer(assistant: Assistant, model: Model) -> None:
    """One turn is one request, and its reply, entities and usage come back checked."""
    answer = assistant.answer(AGENT, ITEMS)

    assert "#12345" in answer.reply
    assert answer.entities == {"order_number": "12345", "issue_type": "shipping_delay"}
    assert (answer.intent, answer.language) == ("shipping_delay", "en")
    assert (answer.usage.model, answer.usage.tries) == ("gpt-x", 1)
    assert answer.usage.input_tokens > answer.usage.output_tokens > 0
    assert len(model.requests()) == 1


def test_responses_request(model: Model) -> None:
    """The Responses dialect sends the items as they are, a strict schema, and asks to store nothing."""
    with contextlib.closing(Assistant("openai", KEY, model.base_url, "gpt-x")) as assistant:
        assistant.answer(AGENT, ITEMS, metadata={"turn": "t1"})

    [received] = model.requests()
    body = received["body"]
    assert received["path"] == "/responses"
    assert [(item["role"], item["content"]) for item in body["input"]] == [(i.role, i.content) for i in ITEMS]
    assert (body["model"], body["store"], body.get("stream")) == ("gpt-x", False, None)
    assert body["text"]["format"]["type"] == "json_schema"
    assert body["text"]["format"]["strict"] is True
    assert body["metadata"] == {"turn": "t1"}


def test_chat_request(model: Model) -> None:
    """The Chat dialect has one system message at the top, then the conversation, the turn's messages last."""
    with contextlib.closing(Assistant("openai-compatible", "", model.base_url, "llama")) as assistant:
        assistant.answer(AGENT, ITEMS, metadata={"turn": "t1"})

    [received] = model.requests()
    messages = received["body"]["messages"]
    assert received["path"] == "/chat/completions"
    assert messages[0] == {"role": "system", "content": "Be kind.\n\nA notice."}
    spoken = [(i.role, i.content) for i in ITEMS if i.role != "developer"]
    assert [(message["role"], message["content"]) for message in messages[1:]] == spoken
    assert received["body"]["response_format"]["json_schema"]["strict"] is True
    assert "metadata" not in received["body"]


def test_agents_own_model(assistant: Assistant, model: Model) -> None:
    """An agent's model goes before the deployment's."""
    own = Agent("a", "A", "I", "", AGENT.entities, model="gpt-own")

    assert assistant.answer(own, ITEMS).usage.model == "gpt-own"


@pytest.mark.parametrize(
    ("behaviour", "deadline", "code", "retry_after"),
    [
        ({"fault": "500"}, None, "model_http_500", None),
        ({"fault": "429"}, None, "model_http_429", None),
        ({"fault": "429", "retry_after": 7}, None, "model_http_429", 7.0),
        ({"fault": "hang"}, 1, "model_timeout", None),
        ({"fault": "slow_bytes"}, 1, "model_timeout", None),
        ({"latency_ms": 5_000}, 1, "model_timeout", None),
    ],
)
def test_outages(
    assistant: Assistant,
    model: Model,
    behaviour: dict[str, Any],
    deadline: float | None,
    code: str,
    retry_after: float | None,
) -> None:
    """An outage of the model is named as one after a single request, even when its bytes trickle."""
    model.behave(**behaviour)

    with pytest.raises(ModelUnavailable) as caught:
        assistant.answer(AGENT, ITEMS, deadline_seconds=deadline)

    assert (caught.value.code, caught.value.retry_after, caught.value.retryable) == (code, retry_after, True)
    assert len(model.requests()) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("empty", "empty"),
        ("garbled", "body_not_json"),
        ("refusal", "refusal"),
        ("not_schema", "answer_does_not_fit"),
    ],
)
def test_answers_that_cannot_be_used(assistant: Assistant, model: Model, fault: str, code: str) -> None:
    """An answer that does not fit is a fault that another try may mend; the next request is normal again."""
    model.behave(fault=fault)

    with pytest.raises(ModelFault) as caught:
        assistant.answer(AGENT, ITEMS)

    assert (caught.value.code, caught.value.retryable) == (code, True)
    assert assistant.answer(AGENT, ITEMS).reply


def test_the_callers_deadline(assistant: Assistant, model: Model) -> None:
    """A deadline shorter than the time-out rules, and one that has passed asks nobody."""
    model.behave(fault="hang")
    with pytest.raises(ModelUnavailable, match=r"within 0\.5 seconds"):
        assistant.answer(AGENT, ITEMS, deadline_seconds=0.5)
    with pytest.raises(ModelUnavailable, match="no time is left"):
        assistant.answer(AGENT, ITEMS, deadline_seconds=0)

    assert len(model.requests()) == 1


def test_a_wrong_configuration(assistant: Assistant, model: Model) -> None:
    """What the server refuses is a fault with its remedy, not to be tried again."""
    with pytest.raises(ModelFault, match="OPENAI_MODEL") as caught:
        assistant.answer(AGENT, ITEMS, schema={"type": "object", "properties": {"a": {"type": "string"}}})

    assert (caught.value.code, caught.value.retryable) == ("model_http_400", False)


def test_nobody_listens() -> None:
    """A server that is not there is an outage."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for provider in DIALECTS:
            with contextlib.closing(
                Assistant(provider, KEY, f"http://127.0.0.1:{port}/v1", "m")
            ) as assistant:
                with pytest.raises(ModelUnavailable) as caught:
                    assistant.answer(AGENT, ITEMS)
                assert caught.value.code == "model_unreachable"


def test_environment_is_not_read(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and base URLs of the environment do not divert a call."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with contextlib.closing(Assistant("openai", KEY, model.base_url, "m")) as assistant:
        assert assistant.answer(AGENT, ITEMS).reply


@pytest.mark.parametrize("fault", ["500", "429", "garbled", "not_schema", "refusal", "hang"])
def test_errors_hold_no_content(assistant: Assistant, model: Model, fault: str) -> None:
    """No error, nor anything it drags along, holds the customer's words or the key."""
    model.behave(fault=fault)

    with pytest.raises((ModelFault, ModelUnavailable)) as caught:
        assistant.answer(AGENT, ITEMS, deadline_seconds=1)

    error = caught.value
    for text in (str(error), repr(error), str(vars(error)), "".join(traceback.format_exception(error))):
        assert CANARY not in text
        assert KEY not in text


def test_many_threads_one_assistant(assistant: Assistant, model: Model) -> None:
    """Calls of many threads do not mix: each gets the answer to its own question."""
    model.behave(latency_ms=20, jitter_ms=20)

    def ask(number: int) -> bool:
        answer = assistant.answer(AGENT, [Item("user", f"Trouble with order #{number}")])
        return answer.entities == {"order_number": str(number)} and f"#{number}" in answer.reply

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(1000, 1064)))


def test_half_characters_are_sent(assistant: Assistant) -> None:
    """A lone surrogate in a message, which no UTF-8 can carry, does not stop the turn."""
    assert assistant.answer(AGENT, [Item("user", "Hello \ud83d")]).reply


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then says what ``talk`` writes."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with contextlib.suppress(OSError):
                talk(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


def dribble_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.1)


def flood(connection: socket.socket) -> None:
    size = bounded_http.RESPONSE_BYTES_MAX * 4
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
    )
    for _ in range(size // 65536):
        connection.sendall(b" " * 65536)


def redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def say(body: bytes) -> Callable[[socket.socket], None]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return lambda connection: connection.sendall(head + body)


def cut_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")


@pytest.mark.parametrize(
    ("talk", "error", "code"),
    [
        (dribble_headers, ModelUnavailable, "model_timeout"),
        (flood, ModelUnavailable, "model_unreachable"),
        (cut_off, ModelUnavailable, "model_unreachable"),
        (lambda connection: None, ModelUnavailable, "model_unreachable"),
        (redirect, ModelFault, "model_http_302"),
        (say(b'{"error": {"code": 503, "message": "m"}}'), ModelUnavailable, "model_http_503"),
        (say(b'{"error": {"code": "server_error"}}'), ModelUnavailable, "model_server_error"),
        (say(b'{"error": {"message": "m"}}'), ModelFault, "model_error"),
        (say(b'{"status": "incomplete", "output": []}'), ModelFault, "incomplete"),
        (say(b'{"choices": [{"finish_reason": "length", "message": {}}]}'), ModelFault, "incomplete"),
        (say(b'{"choices": []}'), ModelFault, "empty"),
        (say(b'{"choices": [{"message": {"content": null}}]}'), ModelFault, "empty"),
        (say(b'{"output": [{"type": "message", "content": 3}, 4]}'), ModelFault, "empty"),
        (say(b"[]"), ModelFault, "body_not_json"),
        (say(b"[" * 100_000), ModelFault, "body_not_json"),
        (say(b"\xff\xfe"), ModelFault, "body_not_json"),
        (say(b""), ModelFault, "body_not_json"),
    ],
)
@pytest.mark.parametrize("provider", DIALECTS)
def test_odd_servers(
    provider: str, talk: Callable[[socket.socket], None], error: type[Exception], code: str
) -> None:
    """Whatever a server does, the call ends as a named outage or fault."""
    with raw_server(talk) as base_url:
        with contextlib.closing(Assistant(provider, KEY, base_url, "m", timeout_seconds=10)) as assistant:
            with pytest.raises(error) as caught:
                assistant.answer(AGENT, ITEMS, deadline_seconds=1 if code == "model_timeout" else None)

    assert getattr(caught.value, "code", None) == code


def test_sparse_answers_are_understood() -> None:
    """Compatible servers leave out most fields; content in parts and no usage are enough."""
    text = json.dumps({"reply": "Hello"})
    body = {"choices": [{"message": {"content": [{"type": "text", "text": text}]}}]}
    with raw_server(say(json.dumps(body).encode())) as base_url:
        with contextlib.closing(Assistant("openai-compatible", "", base_url, "m")) as assistant:
            answer = assistant.answer(AGENT, ITEMS)

    assert (answer.reply, answer.usage.model, answer.usage.input_tokens) == ("Hello", "", 0)


def test_mock_needs_no_openai() -> None:
    """The mock provider answers in process and never loads openai or an HTTP client."""
    program = (
        "import sys\n"
        "from ai.assistant import Assistant\nfrom ai.prompt import Item\nfrom config.agents import Agent\n"
        "answer = Assistant('mock').answer(Agent('a', 'A', 'I', '', ()), [Item('user', 'Hello')])\n"
        "print(answer.reply, answer.usage.model, 'openai' in sys.modules, 'httpx2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "Hello! How can I help you today? stand-in False False", done.stderr


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/responses", b"{", None),
        ("/v1/responses", b"[" * 100_000, None),
        ("/v1/responses", {"input": "Hi"}, "model"),
        ("/v1/responses", {"model": "m"}, "input"),
        ("/v1/responses", {"model": "m", "input": []}, "input"),
        ("/v1/responses", {"model": "m", "input": [{"role": "tool", "content": "x"}]}, "input[0]"),
        ("/v1/responses", {"model": "m", "input": "Hi", "stream": True}, "stream"),
        (
            "/v1/responses",
            {"model": "m", "input": "Hi", "text": {"format": {"type": "x"}}},
            "text.format.type",
        ),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": 3}]}, "messages[0]"),
        ("/v1/chat/completions", {"model": "m", "messages": "Hi"}, "messages"),
    ],
)
def test_the_server_refuses_bad_requests(model: Model, path: str, body: Any, param: str | None) -> None:
    """The model server answers a bad request with 400 in OpenAI's error shape."""
    status, answer = model.call(path, body)

    assert status == 400
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["error"]["param"] == param


def test_the_server_wants_a_key(model: Model) -> None:
    """Without a Bearer key every OpenAI route is 401, and with any key the models are listed."""
    assert model.call("/v1/responses", {"model": "m", "input": "Hi"}, key="")[0] == 401
    assert model.call("/v1/models", key="")[0] == 401
    assert model.call("/v1/models")[1]["data"][0]["id"] == "stand-in"


def test_the_server_answers_plain_text(model: Model) -> None:
    """Without a schema the model server answers in plain words, in both dialects."""
    message = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
    chat = model.call("/v1/chat/completions", {"model": "m", "messages": [message]})[1]
    response = model.call("/v1/responses", {"model": "m", "input": "Hello"})[1]

    assert chat["choices"][0]["message"]["content"].startswith("Hello!")
    assert response["output"][0]["content"][0]["text"].startswith("Hello!")


def test_faults_count_down(model: Model) -> None:
    """A fault meets as many requests as asked for; a reply can be laid in the model's mouth."""
    asked = {"model": "m", "input": "Hi"}
    model.behave(fault="500", count=2)
    assert [model.call("/v1/responses", asked)[0] for _ in range(3)] == [500, 500, 200]

    model.behave(reply="Said by the test.", count=1)
    said = [model.call("/v1/responses", asked)[1]["output"][0]["content"][0]["text"] for _ in range(2)]
    assert said[0] == "Said by the test." != said[1]


@pytest.mark.parametrize(
    "wanted", [[], {"faults": "500"}, {"fault": "600"}, {"latency_ms": "x"}, {"count": -1}]
)
def test_control_refuses_nonsense(model: Model, wanted: Any) -> None:
    """A control request that means nothing is 400 and changes nothing."""
    before = model.call("/_control/model")

    assert model.call("/_control/model", wanted)[0] == 400
    assert model.call("/_control/model") == before
