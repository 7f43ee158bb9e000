"""What is read in a reply as the promise of a person, and what is not: sentences in six languages."""

from __future__ import annotations

import pytest

from session.wishes import promises_transfer
from tests.unit.sentences import lines

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
