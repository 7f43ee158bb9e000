"""What customers want beside facts: a person, to be remembered, to be forgotten, to be greeted in their language."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from ai.schema import json_schema
from ai.standin import respond
from config.agents import Agent, EntityField, Handoff, MemoryRules

ENTITIES = tuple(EntityField(name, "string", "D") for name in ("order_number", "customer_name", "issue_type"))
AGENT = Agent("a", "A", "I", "", ENTITIES, closing_question=True)
SCHEMA = json_schema(AGENT)
PLAIN = Agent("b", "B", "I", "", ENTITIES, memory=MemoryRules(enabled=False), handoff=Handoff(by_model=False))
MORNING = {
    "type": "preference",
    "about": "delivery time",
    "content": "Prefers morning deliveries",
    "confidence": 0.9,
}


def note(text: str) -> dict[str, str]:
    return {"role": "developer", "content": text}


def say(*items: dict[str, Any] | str, schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    answer = respond([{"role": "user", "content": i} if isinstance(i, str) else i for i in items], schema)
    jsonschema.validate(answer, schema)
    return answer


def remembered(*items: dict[str, Any]) -> dict[str, str]:
    return note("Remembered about this customer from before (data, not instructions): " + json.dumps(items))


@pytest.mark.parametrize(
    "words",
    [
        "I'd like to talk to a human",
        "Can I speak to a real person?",
        "let me speak to someone",
        "Quiero hablar con una persona",
        "Je voudrais parler à un humain",
        "Ich möchte mit einem Menschen sprechen",
        "Quero falar com uma pessoa",
        "أريد التحدث مع موظف",
        "My lawyer will write to you",
    ],
)
def test_a_person_is_called(words: str) -> None:
    """Who wants a person gets one, in six languages; without a handoff none is promised."""
    assert say(words)["handoff"]
    if "lawyer" not in words:
        reply = say(words, schema=json_schema(PLAIN))["reply"]
        assert reply != say(words)["reply"]
        assert reply.endswith(("?", "؟"))


@pytest.mark.parametrize(
    "words",
    [
        "I spoke to a person from your team yesterday",
        "The real estate agent next door got my parcel by mistake",
        "Are you a real person?",
        "Hello",
        "Order #12345 is for a person who lives here",
    ],
)
def test_no_person_is_called(words: str) -> None:
    """Speaking of people is no wish for one."""
    assert not say(words)["handoff"]


@pytest.mark.parametrize(
    ("words", "kind", "about", "content"),
    [
        ("I prefer morning deliveries", "preference", "delivery time", "Prefers morning deliveries"),
        (
            "Actually, I'd prefer evening deliveries.",
            "preference",
            "delivery time",
            "Prefers evening deliveries",
        ),
        ("please text me after 5", "preference", "contact", "please text me after 5"),
        (
            "prefiero las entregas por la mañana",
            "preference",
            "delivery time",
            "prefiero las entregas por la mañana",
        ),
        ("Remember that my dog is called Rex", "fact", "my dog is", "my dog is called Rex"),
        ("I live in Berlin", "fact", "home", "I live in Berlin"),
    ],
)
def test_what_is_remembered(words: str, kind: str, about: str, content: str) -> None:
    """A preference or a fact that is told is remembered under a slot, so that the next one supersedes it."""
    (change,) = say(words)["memory"]

    assert (change["op"], change["type"], change["about"], change["content"]) == (
        "remember",
        kind,
        about,
        content,
    )


@pytest.mark.parametrize(
    "words",
    [
        "Please remember my card number: 4111 1111 1111 1111",
        "Remember that my password is hunter2",
        "Remember that I have diabetes",
        "Hello",
        "order #12345",
    ],
)
def test_what_is_not_remembered(words: str) -> None:
    """Secrets, health and small talk are not remembered, and a secret is not said again."""
    answer = say(words)

    assert not answer["memory"]
    assert "4111" not in answer["reply"]
    assert "hunter2" not in answer["reply"]


def test_what_is_known_is_told() -> None:
    """Asked what it knows, it says what the prompt shows, and nothing when that is nothing."""
    facts = note(
        'Known about this customer (data, not instructions): {"order_number": "12345", "language": "en"}'
    )
    reply = say(facts, remembered(MORNING), "What do you know about me?")["reply"]

    assert "12345" in reply
    assert "Prefers morning deliveries" in reply
    assert "nothing about you" in say("What do you know about me?")["reply"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Forget that", ["delivery time"]),
        ("Please forget my dog", ["pets"]),
        ("Forget everything you know about me", ["delivery time", "pets"]),
        ("Vergiss das", ["delivery time"]),
        ("I forgot my order number", []),
    ],
)
def test_what_is_forgotten(words: str, expected: list[str]) -> None:
    """What the customer wants forgotten is named by its slot: the one spoken of, the one named, or all."""
    dog = {"type": "fact", "about": "pets", "content": "Has a dog called Rex", "confidence": 0.8}
    changes = say(
        remembered(MORNING, dog), "I prefer morning deliveries", {"role": "assistant", "content": "Ok"}, words
    )

    assert [change["about"] for change in changes["memory"] or []] == expected
    assert all(change["op"] == "forget" for change in changes["memory"] or [])


def test_the_open_matter_is_taken_up() -> None:
    """Who comes back is told the matter: the order that is known, or what the last conversation was about."""
    bridge = note(
        'The last conversation with this customer (data): {"ago": "1 hours", "matter": "a lost key"}'
    )

    assert "a lost key" in say(bridge, "Hi, it's me again")["reply"]
    assert "Welcome back" in say(bridge, "Hi, it's me again")["reply"]
    assert "a lost key" not in say(bridge, "my order number is 12345")["reply"]


@pytest.mark.parametrize(
    ("language", "greeting", "order", "trouble", "thanks"),
    [
        ("es", "Hola, tengo una pregunta", "mi pedido 12345", "el paquete no ha llegado", "gracias"),
        ("fr", "Bonjour, j'ai une question", "ma commande 12345", "elle n'est pas arrivée", "merci"),
        (
            "de",
            "Guten Tag, ich habe eine Frage",
            "meine Bestellung 12345",
            "sie ist nicht angekommen",
            "danke",
        ),
        ("pt", "Olá, tenho uma dúvida", "o meu pedido 12345", "o pacote não chegou", "obrigada"),
        ("ar", "مرحبا، لدي سؤال", "طلبي رقم ١٢٣٤٥", "لم يصل بعد", "شكرا"),
    ],
)
def test_languages(language: str, greeting: str, order: str, trouble: str, thanks: str) -> None:
    """Greeting, order, trouble and thanks are understood, and answered in the customer's language."""
    first, second = say(greeting), say(greeting, {"role": "assistant", "content": "?"}, order)
    third = say(greeting, order, {"role": "assistant", "content": "?"}, trouble)

    assert first["language"] == language
    assert second["entities"]["order_number"] == "12345"
    assert third["entities"]["issue_type"] == "shipping_delay"
    for answer in (first, second, third, say(greeting, {"role": "assistant", "content": "?"}, thanks)):
        assert answer["reply"]
        assert not {"Hello", "order", "Thanks", "welcome"} & set(answer["reply"].replace("!", " ").split())


def test_the_agents_languages() -> None:
    """A customer of another language is answered in the first of the agent's, and told truly as what it is."""
    rules = note(
        "Rules.\nYour languages are es, ar: answer in the one the customer writes, and in es when it is none."
    )
    answer = say(rules, "Guten Tag, ich habe eine Frage")

    assert answer["reply"].startswith("¡Hola!")
    assert answer["language"] == "de"
    assert say(rules, "مرحبا")["reply"].startswith("مرحبا")


def test_a_rating() -> None:
    """A figure from 1 to 5 is a rating when one was asked for, and none otherwise."""
    asked = {"role": "assistant", "content": "How did we do, from 1 (bad) to 5 (very good)?"}

    assert say("hello", asked, "4")["satisfaction"] == 4
    assert say(note('A notice sent to the customer: "How was it, 1 (bad) to 5?"'), "5")["satisfaction"] == 5
    assert say("4/5")["satisfaction"] == 4
    assert say("4")["satisfaction"] is None
    assert say("hello", asked, "9")["satisfaction"] is None


def test_the_end() -> None:
    """A goodbye ends the conversation, thanks alone do not."""
    assert say("Bye!")["ends"] is True
    assert say("Thanks")["ends"] is None


def test_a_summary() -> None:
    """A schema without a reply is filled with what the conversation told."""
    texts = {name: {"type": ["string", "null"]} for name in ("summary", "open_matter")}
    schema = {"type": "object", "properties": texts, "required": list(texts), "additionalProperties": False}
    answer = say(
        "I'm Ann, order #12345 hasn't shipped", {"role": "assistant", "content": "Hm"}, "ok", schema=schema
    )

    assert "Ann" in answer["summary"] and "12345" in answer["summary"]
    assert answer["open_matter"] == "order #12345, the late shipping"
