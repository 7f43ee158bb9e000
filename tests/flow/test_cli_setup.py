"""`ringback doctor` and `ringback init`: what is set, what is wrong, what is written."""

from __future__ import annotations

import json
import re
import signal
import stat
from typing import Any

import pytest

from config.settings import load_settings
from console.commands_setup import GENERATED, TO_FILL_IN
from tests.flow.shell import Shell
from tests.flow.system import ACCOUNT, API_KEY, ID_KEY, OURS, TOKEN, System, free_port, wait_for

# doctor


def test_doctor_finds_all_well(shell: Shell) -> None:
    """In a system that works everything is reached, nothing is wrong, and no secret is shown."""
    ended = shell.ringback("doctor")

    assert (0, "") == (ended.status, ended.err)
    assert "All is well." in ended.out
    for about in ("Redis", "Workers", "Web", "Webhooks", "Twilio", "Model"):
        assert re.search(rf"^ok +{about}: ", ended.out, re.MULTILINE), ended.out
    for secret in (TOKEN, API_KEY, ID_KEY, "tests-only", "sk-of-the-stand-in"):
        assert secret not in ended.out


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"TWILIO_AUTH_TOKEN": "f" * 32}, r"WRONG +Webhooks: 403.*TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN": "f" * 32}, r"WRONG +Twilio: .*refuses TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN_SECONDARY": "e" * 32}, r"WRONG +Webhooks: .*TWILIO_AUTH_TOKEN_SECONDARY"),
        ({"PUBLIC_BASE_URL": "http://localhost:{web}"}, r"WRONG +Webhooks: 403.*believes to be called as http://127\.0\.0\.1"),
        ({"PUBLIC_BASE_URL": "http://127.0.0.1:{free}"}, r"WRONG +Webhooks: .*refused.*port {web} answers 403"),
        ({"PUBLIC_BASE_URL": "http://127.0.0.1:{simulator}"}, r"WRONG +Webhooks: .*is not Ringback"),
        ({"REDIS_URL": "redis://:some-password@127.0.0.1:{free}/0"}, r"WRONG +Redis: 127\.0\.0\.1:{free} does not answer"),
        ({"REDIS_URL": "redis://:some-password@127.0.0.1:{redis}/0"}, r"WRONG +Redis: .*refuses the password"),
        ({"TWILIO_API_BASE_URL": "http://127.0.0.1:{free}"}, r"WRONG +Twilio: .*replies cannot be sent"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:{free}/v1"}, r"WRONG +Model: .*OPENAI_BASE_URL"),
    ],
)  # fmt: skip
def test_doctor_names_what_is_wrong(
    shell: Shell, system: System, changes: dict[str, str], expected: str
) -> None:
    """Each thing that would keep messages from being answered is named, with its remedy, and the status is 1."""
    ports = {"web": system.web_port, "simulator": system.simulator_port, "free": free_port()}
    ports["redis"] = int(system.redis_server.url.rsplit(":", 1)[1].split("/")[0])

    def filled(text: str) -> str:
        for name, port in ports.items():
            text = text.replace("{" + name + "}", str(port))
        return text

    ended = shell.ringback("doctor", **{name: filled(value) for name, value in changes.items()})

    assert (1, "") == (ended.status, ended.err)
    assert re.search(filled(expected), ended.out), ended.out
    assert "some-password" not in ended.out and "f" * 32 not in ended.out


def test_doctor_tells_http_from_https(shell: Shell, system: System) -> None:
    """A web process that goes by https while Twilio calls http is found out: 403, and why."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    system.spawn(
        "web", "web-of-https", PUBLIC_BASE_URL=base.replace("http", "https"), PORT=str(port),
        RINGBACK_BIND=f"127.0.0.1:{port}",
    )  # fmt: skip
    try:
        wait_for(lambda: system._answers(f"{base}/ready"), "the other web")
        ended = shell.ringback("doctor", PUBLIC_BASE_URL=base, PORT=str(port))
    finally:
        system.kill("web-of-https", signal.SIGTERM)

    assert ended.status == 1
    assert "403: the web process believes to be called by https, Twilio calls by http;" in ended.out


def test_doctor_sends_nothing(shell: Shell, system: System) -> None:
    """Looking leaves no message at Twilio and no customer in Redis."""
    before = (len(system.messages()), len(list(system.redis.scan_iter("ringback:*:customer:*"))))
    shell.ringback("doctor")

    assert before == (len(system.messages()), len(list(system.redis.scan_iter("ringback:*:customer:*"))))


def test_doctor_of_an_eviction_policy_that_drops_data(shell: Shell, make_system: Any) -> None:
    """A Redis that may drop data when full is warned about; it is no reason to fail."""
    other = make_system()
    other.redis.config_set("maxmemory-policy", "allkeys-lru")

    ended = shell.ringback("doctor", SESSION_REDIS_URL=other.redis_server.url)

    assert 0 == ended.status
    assert re.search(r"warning +Redis of sessions: .*noeviction \(it is allkeys-lru\)", ended.out)


def test_doctor_of_faulty_settings(bare: Shell) -> None:
    """Every missing or wrong setting is named with an example, and what is probably a typing mistake; status 2."""
    (bare.folder / ".env").write_text(
        "TWILIO_FONE_NUMBER=+15550001111\nADMIN_API_KEY=short\nAI_PROVIDER=mock\n"
    )

    ended = bare.ringback("doctor")

    assert 2 == ended.status
    assert "did you mean TWILIO_PHONE_NUMBER?" in ended.out
    for name in ("ADMIN_API_KEY", "PUBLIC_BASE_URL", "TWILIO_ACCOUNT_SID", "REDIS_URL", "SECRET_KEY"):
        assert re.search(rf"WRONG +{name} .*; for example {name}=", ended.out), ended.out
    assert "short" not in ended.out


# init


def test_init_writes_secrets_once(bare: Shell) -> None:
    """init writes secrets of 32 bytes into a private .env and prints none; a second run changes nothing."""
    first = bare.ringback("init")
    path = bare.folder / ".env"
    written = path.read_text()
    second = bare.ringback("init")

    assert (0, 0) == (first.status, second.status)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    values = dict(line.split("=", 1) for line in written.splitlines() if line and not line.startswith("#"))
    assert set(GENERATED) | set(TO_FILL_IN) == set(values)
    secrets = [values[name] for name in GENERATED]
    assert len(set(secrets)) == len(secrets) and all(len(value) == 43 for value in secrets)
    assert not any(value in first.out + second.out for value in secrets)
    assert "TWILIO_AUTH_TOKEN" in first.out
    assert written == path.read_text()


def test_init_keeps_what_is_there(bare: Shell) -> None:
    """In a .env that exists only blank and missing lines are filled; every other byte stays."""
    path = bare.folder / ".env"
    kept = 'export SECRET_KEY="my own secret key 0123"  # mine\nFOO=1\n# ADMIN_API_KEY=commented\nREDIS_URL=redis://h:1/0'
    path.write_text(f"ADMIN_API_KEY=\n{kept}")
    path.chmod(0o644)

    ended = bare.ringback("init")

    text = path.read_text()
    assert re.match(rf"ADMIN_API_KEY=[\w-]{{43}}\n{re.escape(kept)}\n", text)
    assert [
        "Completed .env with generated ADMIN_API_KEY, CUSTOMER_ID_KEY, CONSOLE_PASSWORD."
    ] == ended.out.splitlines()[:1]
    assert 1 == len(re.findall("^REDIS_URL=", text, re.MULTILINE))
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_init_keeps_the_customers_of_make_run(bare: Shell) -> None:
    """The key that names customers is the one make run generated, for another would lose its conversations."""
    key = "k" * 43
    (bare.folder / ".ringback" / "secrets.json").write_text(json.dumps({"CUSTOMER_ID_KEY": key}))

    assert 0 == bare.ringback("init").status
    assert f"\nCUSTOMER_ID_KEY={key}\n" in (bare.folder / ".env").read_text()


def test_what_init_writes_needs_only_the_accounts(bare: Shell) -> None:
    """With the lines to fill in filled in, the settings are fit to start with."""
    bare.ringback("init")
    filled = {
        "REDIS_URL": "redis://localhost:6379/0",
        "PUBLIC_BASE_URL": "https://bot.example.com",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": OURS,
        "OPENAI_API_KEY": "sk-0123456789abcdef",
    }

    settings = load_settings(filled, bare.folder / ".env")

    assert 1 == len(settings.admin_keys)
