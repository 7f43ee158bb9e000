"""What is read as a wish, and what is not: sentences in six languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.wishes import asks_to_forget, asks_what_is_known, promises_transfer, rating, wants_person


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


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


KNOWN = lines(
    """
    What do you know about me?
    what do you remember about me
    What information do you have about me?
    Hi, what data do you hold on me?
    What have you stored about me?
    Tell me everything you know about me
    ¿Qué sabes de mí?
    que sabe usted sobre mi
    ¿Qué datos tienen guardados sobre mí?
    ماذا تعرف عني؟
    ما المعلومات التي لديك عني؟
    هل تتذكرني؟
    Que savez-vous de moi ?
    Qu'est-ce que tu sais sur moi ?
    Quelles données avez-vous sur moi ?
    Was weißt du über mich?
    was wissen sie ueber mich
    Welche Daten haben Sie über mich gespeichert?
    O que você sabe sobre mim?
    o que sabes de mim
    Quais dados vocês têm sobre mim?
    """
)
NOT_KNOWN = lines(
    """
    What do you know about Dubai?
    What do you know about mechanics?
    Do you know my order number?
    I know what you said about me
    You know me
    What information do you need from me?
    Do you remember my order?
    ¿Qué sabe de mi pedido?
    ¿Qué datos necesita?
    Dime lo que cuesta
    ماذا تعرف عن دبي؟
    ما المعلومات المطلوبة؟
    Que savez-vous de ma commande ?
    Quelles informations vous faut-il ?
    Was wissen Sie über meine Bestellung?
    Welche Daten brauchen Sie?
    O que você sabe sobre o meu pedido?
    Quais dados precisa?
    """
)


@pytest.mark.parametrize("text", KNOWN)
def test_the_question_what_is_known_is_read(text: str) -> None:
    """Who asks what is on record about them is understood in six languages."""
    assert asks_what_is_known(text)


@pytest.mark.parametrize("text", NOT_KNOWN)
def test_another_question_is_not_what_is_known(text: str) -> None:
    """A question about something else, or about one's order, is not about the record."""
    assert not asks_what_is_known(text)


FORGET = [
    *(("that", line) for line in lines(
        """
        Forget that
        Please forget that.
        forget what I said
        Can you forget that, please?
        Olvida eso
        Por favor, olvide lo que le dije
        انس ذلك
        من فضلك انسى هذا
        Oubliez ça
        Oublie ce que j'ai dit, s'il te plaît
        Vergiss das bitte
        Bitte vergessen Sie, was ich gesagt habe
        Esqueça isso
        esquece o que eu disse
        """
    )),
    *(("all", line) for line in lines(
        """
        Forget everything you know about me
        Please delete all my data
        Can you erase my information?
        Forget me
        delete everything about me please
        Forget everything
        Olvida todo lo que sabes de mí
        Borre todos mis datos, por favor
        احذف بياناتي
        امسح كل ما تعرفه عني
        Supprimez mes données
        Oubliez tout ce que vous savez sur moi
        Vergiss alles, was du über mich weißt
        Löschen Sie bitte meine Daten
        Können Sie alle meine Daten löschen?
        Esqueça tudo o que sabe sobre mim
        Apague os meus dados
        """
    )),
    *(("", line) for line in lines(
        """
        Forget that I live in Berlin
        forget my address
        Olvida mi dirección
        Vergiss, dass ich in Berlin wohne
        I forgot that
        I forgot my password
        Don't forget that I prefer mornings
        Never forget me
        Forget it
        forget about it
        Forget that, I'll take the blue one instead
        Delete the last item from my order
        Delete my order
        Please remove the pizza
        Did you forget me?
        Clear, thanks
        No olvides eso
        Olvidé mi contraseña
        Se me olvidó eso
        لا تنس ذلك
        نسيت كلمة المرور
        J'ai oublié ça
        N'oubliez pas mon adresse
        Ich habe das vergessen
        Vergiss das nicht
        Vergessen Sie mich nicht
        Não esqueça isso
        Esqueci a minha senha
        Esqueci tudo
        """
    )),
]  # fmt: skip


@pytest.mark.parametrize(("what", "text"), FORGET)
def test_a_wish_to_forget_is_read(what: str, text: str) -> None:
    """The last thing, everything, or nothing: who forgot, or changes a mind, wants nothing forgotten."""
    assert what == asks_to_forget(text)


PROMISED = lines(
    """
    I'll connect you to a colleague.
    Hold on, connecting you...
    You'll hear from us by tomorrow.
    I'll get someone to help you.
    I am transferring you now.
    Please hold while I transfer your call.
    I've let our team know and they'll be in touch.
    A human will take it from here.
    I'm handing you over to Sarah from support.
    Our support team has been notified and will contact you.
    Let me get my manager.
    I will escalate this issue.
    I'm escalating your case now.
    One moment, I'll put you through.
    I will have someone reach out to you.
    We'll get back to you as soon as possible.
    We will be in touch shortly.
    Expect a call from us within the hour.
    I'll connect you right away.
    Le transfiero ahora mismo.
    Un momento, le comunico.
    Un agente le atenderá enseguida.
    Nos pondremos en contacto con usted.
    Nuestro equipo se comunicará contigo pronto.
    Voy a escalar su caso.
    He avisado a un compañero.
    Te llamaremos mañana.
    Un compañero retomará la conversación.
    Le voy a conectar con una persona.
    سأحولك الآن
    سيتصل بك أحد زملائي
    سيتواصل معك فريق الدعم
    سوف نعاود الاتصال بك
    لحظة من فضلك، أحولك إلى زميلي
    سيتم تحويلك إلى أحد الموظفين
    Je vous transfère.
    Un instant, je vous mets en relation avec un conseiller.
    Un conseiller va prendre le relais.
    Un conseiller vous rappellera.
    Nous vous recontacterons.
    Je transmets votre demande à mes collègues.
    Mon collègue va vous contacter.
    Quelqu'un va s'occuper de vous.
    Je fais suivre à l'équipe.
    Ich verbinde Sie.
    Einen Moment, ich verbinde.
    Ich leite Sie weiter.
    Ein Kollege übernimmt gleich.
    Wir melden uns bei Ihnen.
    Ich gebe das an mein Team weiter.
    Jemand aus unserem Team meldet sich.
    Ich habe einen Kollegen informiert.
    Meine Kollegin wird Ihnen helfen.
    Ich hole einen Mitarbeiter dazu.
    Vou transferir você.
    Um momento, vou te transferir.
    Um atendente vai assumir a conversa.
    Entraremos em contato.
    Vou encaminhar seu caso para a equipe.
    Um colega vai falar com você.
    Avisei um colega.
    Vou chamar um atendente.
    I will connect you with a member of our team now.
    A human will contact you shortly.
    Someone from our team will call you.
    Let me transfer you to an agent.
    I've passed your request on to our support team.
    I have forwarded this to a colleague, who will get back to you.
    One of our representatives will be in touch soon.
    You will be contacted by a specialist.
    Thanks! Your case has been escalated to a manager.
    I'm transferring you now to customer service.
    We'll call you back tomorrow.
    Of course. Someone will be with you shortly.
    I'll ask a colleague to look into it.
    Our team will get back to you.
    Le paso con un compañero.
    Te voy a pasar con un agente.
    Una persona de nuestro equipo le contactará en breve.
    Alguien de nuestro equipo le llamará.
    He pasado su caso a un compañero.
    Voy a transferirle a un agente humano.
    Nuestro equipo se pondrá en contacto con usted.
    Le llamaremos mañana.
    سأحولك إلى أحد زملائي.
    سيتصل بك أحد موظفينا قريبا.
    سيتواصل معك فريقنا.
    لقد حولت طلبك إلى موظف مختص.
    سوف يرد عليك زميلي بعد قليل.
    جاري تحويلك إلى موظف.
    سنتصل بك غدا.
    Je vous mets en relation avec un conseiller.
    Je vous transfère à un collègue.
    Une personne de notre équipe vous contactera bientôt.
    Quelqu'un va vous rappeler.
    J'ai transmis votre demande à notre équipe.
    Un conseiller prendra contact avec vous.
    Nous vous rappellerons demain.
    Ich verbinde Sie mit einem Kollegen.
    Ein Mitarbeiter wird Sie kontaktieren.
    Jemand aus unserem Team ruft Sie an.
    Ich leite Ihre Anfrage an unser Team weiter.
    Ich habe das an einen Kollegen weitergeleitet.
    Es wird sich bald jemand bei Ihnen melden.
    Wir rufen Sie zurück.
    Vou transferir você para um atendente.
    Vou passar o seu caso para um colega.
    Uma pessoa da nossa equipe vai entrar em contato.
    Alguém vai te ligar em breve.
    Nossa equipe entrará em contato com você.
    Já encaminhei o seu pedido para um colega.
    Entraremos em contato em breve.
    I'm going to hand you over to one of my colleagues.
    Please hold while I connect you with an agent.
    En breve le atenderá un agente.
    Un collègue vous rappelle dans la journée.
    Ein Kollege meldet sich bei Ihnen.
    سيقوم أحد زملائي بالاتصال بك
    """
)
NOT_PROMISED = lines(
    """
    I can't connect you to a colleague.
    I'm sorry, I cannot transfer you to an agent.
    Nobody will call you.
    No one from our team will contact you.
    Would you like me to connect you with a person?
    Shall I ask a colleague?
    If you like, I can connect you to a colleague.
    I can connect you to a colleague.
    We will contact the carrier.
    The driver will call you before the delivery.
    I have noted it.
    Your order has been sent to Berlin.
    Our team is here from 9 to 5.
    You can call us at any time.
    A colleague answered you yesterday.
    I will send you the details.
    Your order will arrive tomorrow.
    Thank you for contacting our team.
    No puedo pasarle con un agente.
    ¿Quiere que le pase con un compañero?
    Nadie le llamará.
    Su pedido llegará mañana.
    Lo he anotado.
    Si quiere, puedo pasarle con una persona.
    Tengo su pedido 12345.
    لا أستطيع تحويلك إلى موظف.
    هل تريد أن أحولك إلى موظف؟
    لن يتصل بك أحد.
    سيصل طلبك غدا.
    لقد سجلت ملاحظتك.
    يعمل فريقنا من التاسعة إلى الخامسة.
    سأبحث عن الطلب.
    Je ne peux pas vous transférer à un conseiller.
    Voulez-vous que je vous mette en relation avec un conseiller ?
    Personne ne vous rappellera.
    Votre commande arrivera demain.
    C'est noté.
    Je vous envoie le numéro de suivi.
    Notre équipe est là de 9 h à 17 h.
    Ich kann Sie nicht mit einem Kollegen verbinden.
    Soll ich Sie mit einem Kollegen verbinden?
    Niemand wird Sie anrufen.
    Ihre Bestellung wird morgen geliefert.
    Ich habe das notiert.
    Wenn Sie möchten, kann ich Sie mit einem Menschen verbinden.
    Unser Team ist von 9 bis 17 Uhr da.
    Não posso transferir você para um atendente.
    Quer que eu transfira você para um atendente?
    Ninguém vai ligar.
    O seu pedido vai chegar amanhã.
    Está anotado.
    A nossa equipe está aqui das 9h às 17h.
    A encomenda vai chegar a Lisboa.
    We'll text you the code.
    I can connect you with a colleague if you like.
    Would you like me to transfer you?
    Your order will be transferred to the depot.
    We will ship it tomorrow.
    The courier will call you before delivery.
    I can't transfer you.
    I'll get that for you.
    Let me know if I can help.
    I'll note that your name is Ana.
    You'll hear the doorbell.
    Ich kann Sie nicht verbinden.
    Je ne peux pas vous transférer.
    Vou anotar o seu pedido.
    Wir liefern morgen.
    Le paso el precio: 20 euros.
    I'll pass on the rice, thanks
    You'll get your parcel tomorrow.
    I'm connecting the dots here.
    We'll send you the tracking number.
    Le envío la información ahora.
    Te llamaré Ana a partir de ahora.
    Je transfère la somme demain
    Please call us on Monday.
    I'll put two pizzas on the order.
    Did they say that a colleague will call you?
    Nuestro equipo le llamará?
    I'll put two pizzas on your order.
    Das Team wird Sie begeistern.
    O motorista vai ligar para você.
    El repartidor le llamará.
    Un livreur vous appellera.
    تم تحويل المبلغ إلى حسابك
    Te paso el enlace a la web.
    """
)


@pytest.mark.parametrize("text", PROMISED)
def test_a_promise_of_a_person_is_read_in_a_reply(text: str) -> None:
    """A reply that says somebody takes over or calls is a promise, whoever worded it."""
    assert promises_transfer(text)


@pytest.mark.parametrize("text", NOT_PROMISED)
def test_an_offer_or_a_refusal_promises_nothing(text: str) -> None:
    """A refusal, an offer, a question or somebody else's call is no promise."""
    assert not promises_transfer(text)


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
