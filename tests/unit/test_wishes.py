"""What is read as a wish for a person or as a rating, and what is not: sentences in six languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.wishes import asks_to_forget, asks_what_is_known, promises_transfer, rating, wants_person
from tests.unit.sentences import lines

A_PERSON = lines(
    """
    I want to talk to a human
    I'd like to talk to a human
    can i speak with a real person please?
    Please connect me to an agent.
    This is useless, get me a human
    Let me talk to someone
    Human please
    agent
    Could you transfer me to customer service?
    I would rather speak to your manager
    I need to speak to someone from your team about order 12345
    Is there a person I can talk to?
    I don't want to talk to a bot
    No, I want a real person
    If you can't help, I want to speak to a supervisor
    put me through to a representative
    we would like to speak to an operator now
    I really want to speak with a human being!!!
    Hi, can I chat with a live agent
    How can I reach a human?
    Quiero hablar con una persona
    ¿Puedo hablar con alguien?
    Necesito hablar con un agente, por favor
    Pásame con un humano
    ¿Me puede comunicar con un representante?
    quisiera hablar con una persona real
    No quiero hablar con un robot
    Hola, me gustaría hablar con el encargado
    humano
    ¿Hay alguien con quien pueda hablar?
    Prefiero que me atienda una persona
    Por favor páseme con atención al cliente
    أريد التحدث مع شخص
    أريد أن أتحدث مع موظف
    ممكن أكلم أحد من خدمة العملاء
    حولني إلى موظف لو سمحت
    أريد موظف
    هل يمكنني التحدث إلى إنسان؟
    عايز أكلم حد حقيقي
    بدي أحكي مع موظف
    من فضلك وصلني بموظف
    خدمة العملاء
    لا أريد التحدث مع روبوت
    أبغى أكلم المدير
    Je voudrais parler à quelqu’un
    je veux parler à un humain
    Puis-je parler avec un conseiller ?
    Passez-moi un responsable s'il vous plaît
    Pouvez-vous me mettre en relation avec un agent ?
    Je veux une vraie personne
    un humain svp
    J'aimerais parler à une personne réelle
    Je ne veux pas parler à un robot
    Est-il possible de parler à un opérateur ?
    transférez-moi à un conseiller
    parler à un conseiller
    Ich möchte mit einem Menschen sprechen
    ich moechte mit einem mitarbeiter reden
    Kann ich bitte mit jemandem sprechen?
    Verbinden Sie mich bitte mit einem Mitarbeiter
    Können Sie mich mit einem Berater verbinden?
    Ich will einen echten Menschen
    Mensch bitte
    Mitarbeiter
    Ich will nicht mit einem Bot reden
    Geben Sie mir einen Vorgesetzten
    Ich würde gerne mit einer echten Person sprechen
    Gibt es hier einen echten Menschen?
    Quero falar com uma pessoa
    Posso falar com alguém?
    Gostaria de falar com um atendente
    Me passa para um atendente
    Pode me transferir para um humano?
    preciso falar com o gerente
    atendente por favor
    Não quero falar com um robô
    Quero ser atendido por uma pessoa real
    Tem alguém com quem eu possa falar?
    Como faço para falar com um atendente humano?
    encaminhe-me para um operador
    Can I get a human on the line
    I need help from a human
    customer support please
    Connect me with support
    ich hätte gern einen Mitarbeiter
    can you put me in touch with someone
    Je souhaite être mis en relation avec un conseiller
    quero falar com atendente
    necesito que me llame una persona
    Könnte ich mit Ihrem Team sprechen?
    """
)

NO_PERSON = lines(
    """
    I spoke to a person yesterday
    I'm looking for a real estate agent
    I want to talk to a real estate agent in Dubai
    I already talked to your agent last week
    Are you a human?
    Are you a real person or a bot?
    I don't want to talk to a human
    No need to connect me to an agent
    Please don't connect me to an agent
    The agent said the parcel is on its way
    I need a table for one person
    2 people
    Is this fit for human consumption?
    I want to talk to my manager first
    I need someone to fix my boiler
    My customers want to talk to a human, can your product do that?
    I want to talk to you about my order
    I want to talk about my order
    The delivery person was very kind
    What time can I speak to someone?
    a travel agent booked it for me
    Ayer hablé con una persona de su equipo
    Busco un agente inmobiliario
    No quiero hablar con una persona
    ¿Eres humano?
    una mesa para cuatro personas
    El agente me dijo que llega mañana
    Quiero hablar de mi pedido
    mi jefe quiere el pedido
    Hablé con un representante
    Necesito una habitación para una persona
    Quiero hablar con un agente inmobiliario
    ¿Cuántas personas caben?
    تحدثت مع موظف أمس
    هل أنت إنسان؟
    لا أريد التحدث مع موظف
    غرفة لشخص واحد
    الموظف قال إن الطلب في الطريق
    أبحث عن وكيل عقاري
    كم شخص يمكنه السكن؟
    أريد شقة لشخصين
    أريد التحدث عن طلبي
    المندوب كان لطيفا
    مدير المبنى لا يرد
    كلمت خدمة العملاء أمس
    J'ai parlé à quelqu'un hier
    Je cherche un agent immobilier
    Êtes-vous un humain ?
    Je ne veux pas parler à un conseiller
    une table pour une personne
    Le conseiller m'a dit que c'était bon
    Je voudrais parler de ma commande
    personne ne répond
    Mon responsable est absent
    Un agent est passé ce matin
    pour deux personnes
    Je voudrais réserver pour une personne âgée
    Ich habe gestern mit einem Mitarbeiter gesprochen
    Ich suche einen Immobilienmakler
    Sind Sie ein Mensch?
    Ich möchte nicht mit einem Menschen sprechen
    ein Zimmer für eine Person
    Der Mitarbeiter war sehr nett
    Ich möchte über meine Bestellung sprechen
    Ich muss mit meinem Chef sprechen
    Wie viele Menschen arbeiten bei Ihnen?
    Mein Berater hat mir das empfohlen
    Ein Kollege hat mir geholfen
    Tisch für zwei Personen
    Falei com uma pessoa ontem
    Procuro um agente imobiliário
    Você é humano?
    Não quero falar com um atendente
    uma mesa para uma pessoa
    O atendente disse que chega amanhã
    Quero falar sobre o meu pedido
    Meu gerente não gostou
    quantas pessoas cabem?
    Já falei com alguém da equipe
    Quero falar com um agente imobiliário
    preciso de um quarto para uma pessoa
    Can I have a person sign for it?
    I must have the agent fee refunded
    I need an agent to sell my flat
    Can I speak English?
    do I need a representative at the signing?
    Ich kann mit meinem Team vorbeikommen
    je peux parler français ?
    """
)


@pytest.mark.parametrize("text", A_PERSON)
def test_a_wish_for_a_person_is_read(text: str) -> None:
    """Who asks for a human being, in whatever of six languages, is understood without a model."""
    assert wants_person(text)


@pytest.mark.parametrize("text", NO_PERSON)
def test_no_wish_for_a_person_is_read_into_a_text(text: str) -> None:
    """A person who is told of, counted, refused or another trade's is no wish for one."""
    assert not wants_person(text)


def test_only_the_languages_named_are_read() -> None:
    """An agent for English alone does not read German phrases; with none named all six are read."""
    assert not wants_person("Ich möchte mit einem Menschen sprechen", ("en",))
    assert wants_person("Ich möchte mit einem Menschen sprechen", ("en", "de-AT"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I want to speak to the caretaker", True),
        ("Caretaker!", True),
        ("the caretaker was here", False),
        ("please, GET ME OUT of this", True),
        ("Get me outside", False),
        ("what is 1+1 (really)", False),
    ],
)
def test_an_agents_own_words_are_read_too(text: str, found: bool) -> None:
    """A single word of an agent is someone to ask for; several words are a wish wherever they stand."""
    assert found == wants_person(text, ("en",), ("caretaker", "Get me out", "1+1 (", ""))


@pytest.mark.parametrize(
    ("text", "stars"),
    [
        ("5", 5), (" 4 ", 4), ("3!", 3), ("five", 5), ("4 stars", 4), ("4/5", 4), ("5/5", 5), ("2 out of 5", 2),
        ("I'd give it a 4", 4), ("5, thanks!", 5), ("⭐⭐⭐⭐", 4), ("٤", 4), ("cinco", 5), ("quatre", 4), ("fünf", 5),
        ("5️⃣", 5), ("خمسة", 5), ("Note: 1", 1), ("3 Sterne", 3), ("4 de 5", 4), ("１", 1), ("eins", 1),
        ("5 pizzas", None), ("at 5", None), ("order 5", None), ("10", None), ("0", None), ("6", None), ("4.5", None),
        ("3 or 4", None), ("12345", None), ("#5", None), ("5:30", None), ("", None), ("no", None), ("good", None),
        ("-5", None), ("5 is my favourite room number", None), ("$5", None), ("5%", None), ("1 more please", None),
        ("two large ones", None), ("5" * 100, None), ("⭐" * 6, None), ("4/10", None), ("room 3", None),
    ],
)  # fmt: skip
def test_a_rating_is_a_number_and_courtesies_alone(text: str, stars: int | None) -> None:
    """Anything beside the number but thanks and stars makes it a new topic."""
    assert stars == rating(text)


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """No text breaks a reader, and none is read twice in two ways."""
    assert wants_person(text) == wants_person(text)
    assert asks_to_forget(text) in ("", "that", "all")
    assert rating(text) in (None, 1, 2, 3, 4, 5)
    asks_what_is_known(text)
    promises_transfer(text)


@pytest.mark.parametrize(
    "piece", ["i want ", "the same ", "a a a ", "we will ", "ich möchte mit ", "،", "سوف ", "("]
)
def test_a_long_text_is_read_by_its_beginning(piece: str) -> None:
    """50,000 characters cost what a few thousand cost: a wish at their end is not looked at, a promise is."""
    text = piece * (50_000 // len(piece))

    assert not wants_person(text + ". I want to talk to a human")
    assert promises_transfer(text + ". Someone from our team will call you.")
    assert not promises_transfer(f"{text}. Someone from our team will call you. {text}")
