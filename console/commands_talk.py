"""``ringback text`` and ``ringback curl``: being a customer without a phone."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click
import redis

from console import twilio_request, wire
from console.running import System, Trouble, Unfit, system_or_exit
from session import address
from session.manager import NotANumber

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.2
CALL_SECONDS = 10.0
LOOK_BACK = 50  # messages; nobody sends more while a command waits
ON_ITS_WAY = ("queued", "sending")
UNDELIVERED = ("failed", "undelivered")

REFUSAL = (
    "TWILIO_API_BASE_URL is not a loopback address, so Ringback's answer would go to a real phone through "
    "Twilio: use make run, or say --really if this number is yours."
)


@click.command(short_help="Text Ringback as a customer, print its reply.")
@click.argument("phone")
@click.argument("body")
@click.option("--whatsapp", is_flag=True, help="Send it by WhatsApp instead of SMS.")
@click.option("--to", metavar="NUMBER", help="Which number of ours to text; default: TWILIO_PHONE_NUMBER.")
@click.option("--really", is_flag=True, help="Also where the answer goes to a real phone and costs money.")
def text(phone: str, body: str, whatsapp: bool, to: str | None, really: bool) -> None:
    """Text Ringback as the customer PHONE and print its reply.

    The message takes the whole way: local Twilio, signed webhook, queue, worker, model, reply. Waits 30 seconds
    at most. Standard output is the reply alone; without one the exit status is 1 and standard error says why.

    \b
    Example:
      ringback text +15551234567 "Hi, I'm having trouble with my order #12345"
    """
    system = system_or_exit()
    refuse_strangers(system, really)
    if has_lone_surrogates(body):
        raise Unfit("The message must be UTF-8 text.")
    settings = system.settings
    ours = to or (settings.whatsapp_number if whatsapp else settings.twilio_phone_number)
    sending = Texting(system, number_typed(system, phone), number_typed(system, ours), body, whatsapp)
    try:
        click.echo(sending.reply())
    except wire.Unreachable as error:
        raise Trouble(f"Ringback {error}: start it with make run, or see ringback doctor.") from None


def refuse_strangers(system: System, really: bool) -> None:
    if not system.local_twilio_url and not really:
        raise Unfit(REFUSAL)


@dataclass(frozen=True)
class Texting:
    """One message and the wait for what Ringback says to it. ``phone`` and ``ours`` are bare E.164."""

    system: System
    phone: str
    ours: str
    body: str
    whatsapp: bool

    def reply(self) -> str:
        """The reply's text, all parts. Raises ``Trouble`` without one, ``wire.Unreachable``."""
        deadline = time.monotonic() + WAIT_SECONDS
        sid, twilio_answered = self._send()
        if twilio_answered is not None:
            raise Trouble(f"Twilio itself answered this word, and Ringback stays silent: {twilio_answered}")
        conversation: dict[str, Any] = {}
        while time.monotonic() < deadline:
            conversation = self._conversation(max(0.1, deadline - time.monotonic()))
            found = reply_to(sid, conversation.get("conversation_history", []))
            if found and found["status"] in UNDELIVERED:
                raise Trouble(f"Ringback replied, but the reply could not be sent: {_code(found)}.")
            if found and found["status"] not in ON_ITS_WAY:
                return str(found["content"])
            time.sleep(POLL_SECONDS)
        raise Trouble(f"No reply came within {WAIT_SECONDS:.0f} seconds{why_silent(sid, conversation)}.")

    def _send(self) -> tuple[str, str | None]:
        """(MessageSid, what Twilio itself said to an opt-out word)."""
        local = self.system.local_twilio_url
        if local:
            given = {
                "from": self.phone, "to": self.ours, "body": self.body,
                "channel": "whatsapp" if self.whatsapp else "sms",
            }  # fmt: skip
            answer = wire.post_json(f"{local}/_control/inbound", given, WAIT_SECONDS)
            if answer.status != 404:  # else it is somebody else's local Twilio
                return self._taken(local, answer)
        return self._post_webhook(), None

    def _taken(self, local: str, answer: wire.Answer) -> tuple[str, str | None]:
        outcome = answer.json()
        if answer.status != 200 or not isinstance(outcome, dict):
            said = (outcome or {}).get("error") if isinstance(outcome, dict) else None
            why = said.get("message") if isinstance(said, dict) else said
            raise Trouble(f"The local Twilio refused the message: {why or answer.status}.")
        if not outcome["accepted"]:
            raise Trouble(f"Ringback did not take the message: {outcome['error'] or outcome['status']}.")
        sid = str(outcome["message_sid"])
        return sid, self._own_words(local, sid)

    def _own_words(self, local: str, sid: str) -> str | None:
        """What the local Twilio answered by itself after our message: it does so to STOP and its kin."""
        answer = wire.call(f"{local}/_control/messages?customer={quote(self.phone)}", CALL_SECONDS)
        messages = (answer.json() or {}).get("messages", [])
        after = False
        for message in messages:
            after = after or message["sid"] == sid
            if after and message["author"] == "twilio":
                return str(message["body"])
        return None

    def _post_webhook(self) -> str:
        settings = self.system.settings
        path = "/whatsapp" if self.whatsapp else "/sms"
        url = settings.public_base_url + path
        fields = twilio_request.inbound(settings, self.phone, self.body, self.ours, whatsapp=self.whatsapp)
        signature = twilio_request.sign(settings.auth_tokens[0], url, fields)
        answer = wire.post_form(url, fields, CALL_SECONDS, {twilio_request.SIGNATURE: signature})
        if answer.status != 200:
            raise Trouble(f"Ringback did not take the message (status {answer.status}): see ringback doctor.")
        return dict(fields)["MessageSid"]

    def _conversation(self, timeout_s: float) -> dict[str, Any]:
        """The customer's session as the API tells it; empty while there is none."""
        url = f"{self.system.base_url}/session/{quote(self.phone, safe='')}?limit={LOOK_BACK}"
        key = wire.bearer(self.system.settings.admin_keys[0])
        answer = wire.call(url, timeout_s, headers=key)
        if answer.status == 401:
            raise Trouble("Ringback runs with another ADMIN_API_KEY than the one set here.")
        given = answer.json()
        return given if answer.status == 200 and isinstance(given, dict) else {}


def reply_to(sid: str, history: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was said to the message ``sid``: a customer's turns do not overlap, so it is what follows.

    A notice is an answer only where it says so: an apology while the model is away is none.
    """
    asked = False
    for message in history:
        metadata = message["metadata"]
        if metadata["twilio_message_sid"] == sid and message["direction"] == "inbound":
            asked = True
            continue
        answers = message["role"] != "system" or metadata.get("in_response_to")
        if asked and message["direction"] == "outbound" and answers:
            return message
    return None


def why_silent(sid: str, conversation: dict[str, Any]) -> str:
    """The rest of the sentence "No reply came", as far as the conversation tells."""
    history = conversation.get("conversation_history", [])
    session = conversation.get("session", {})
    sids = [message["metadata"]["twilio_message_sid"] for message in history]
    if sid not in sids:
        return "; no worker has taken the message up yet"
    if session["state"] == "WAITING_AGENT" or session["handled_by"] == "operator":
        return "; a person has this conversation, so the assistant is silent"
    notices = [m["content"] for m in history[sids.index(sid) :] if m["role"] == "system"]
    if notices:
        return f"; Ringback only sent a notice: {notices[-1].rstrip('.')}"
    if conversation.get("customer", {}).get("opted_out"):
        return "; this customer has opted out (START ends that)"
    return "; the message is recorded (AI_RESPONSES_ENABLED=false, or a slow model?)"


@click.command(short_help="Print a signed curl command for a webhook.")
@click.argument("path")
@click.argument("fields", nargs=-1, metavar="NAME=VALUE...")
@click.option("--really", is_flag=True, help="Also where the answer goes to a real phone and costs money.")
def curl(path: str, fields: tuple[str, ...], really: bool) -> None:
    """Print a curl command that calls a webhook as Twilio would, signed.

    MessageSid, AccountSid, To and NumMedia are filled in when not given. Sending the same command twice is a
    repeated delivery: Ringback answers it once.

    \b
    Example:
      ringback curl /sms From=+15551234567 Body="It hasn't shipped yet" | sh
    """
    given = [_pair(field) for field in fields]
    if not path.startswith("/") or has_lone_surrogates(path) or any(c.isspace() for c in path):
        raise click.UsageError('PATH is a webhook of Ringback, for example "/sms".')
    if path.partition("?")[0] in twilio_request.INBOUND_PATHS and "From" not in dict(given):
        raise click.UsageError("Say who writes, for example From=+15551234567.")
    system = system_or_exit()
    refuse_strangers(system, really)
    complete = twilio_request.completed(system.settings, path, given)
    url = system.settings.public_base_url + path
    signature = twilio_request.sign(system.settings.auth_tokens[0], url, complete)
    click.echo(curl_command(url, signature, complete))


def curl_command(url: str, signature: str, fields: twilio_request.Fields) -> str:
    """One shell command, a field on each line; curl encodes the values, names we encode."""
    lines = ["curl -sS -i -X POST " + shlex.quote(url)]
    lines.append("-H " + shlex.quote(f"{twilio_request.SIGNATURE}: {signature}"))
    lines += ["--data-urlencode " + shlex.quote(f"{quote(name)}={value}") for name, value in fields]
    return " \\\n  ".join(lines)


def _pair(field: str) -> tuple[str, str]:
    name, equals, value = field.partition("=")
    if not equals or not name or has_lone_surrogates(field):
        raise click.UsageError("Fields are written NAME=value, for example Body=hello.")
    return name, value


def has_lone_surrogates(text: str) -> bool:
    """Whether the shell gave us bytes that are no UTF-8."""
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def number_typed(system: System, typed: str) -> str:
    """E.164 of a number as people type it; a customer we know is preferred where Redis can tell."""
    readers: tuple[Callable[[], str], ...] = (
        lambda: system.manager().find_customer(typed)[1],
        lambda: address.candidates(typed, system.settings.default_region)[0],
    )
    for read in readers:
        try:
            return read()
        except redis.RedisError:
            continue
        except (NotANumber, IndexError):
            break
    raise click.UsageError(f'"{typed}" is no phone number; write it like +15551234567.')


def _code(message: dict[str, Any]) -> str:
    return f"Twilio's error {message['error_code']}" if message["error_code"] else message["status"]
