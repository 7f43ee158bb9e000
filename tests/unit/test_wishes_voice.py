"""What is read as a caller's wish to the call itself, and what is not: sentences in six languages."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.wishes import asks_to_repeat, says_goodbye
from tests.unit.sentences import lines

AGAIN = lines(
    """
    please repeat
    Can you repeat that, please?
    could you please say that again
    sorry can you say it one more time
    Say again?
    What did you say?
    sorry I didn't catch that
    I couldn't hear you
    I'm sorry, I missed that. Could you repeat it a bit slower please?
    Pardon?
    hello, can you repeat the question
    uh what was that again
    one more time please
    repeat what you just said
    come again
    ¿Puede repetir, por favor?
    me lo puede repetir más despacio
    Repítalo por favor
    ¿Cómo dijo?
    perdón, no le escuché bien
    otra vez por favor
    ¿Mande?
    هل يمكنك أن تعيد من فضلك
    ممكن تكرر مرة أخرى
    ماذا قلت؟
    عفوا، لم أسمعك جيدا
    مرة ثانية لو سمحت
    Pouvez-vous répéter s'il vous plaît ?
    vous pouvez répéter la question plus lentement
    Pardon ?
    encore une fois s'il vous plaît
    je n'ai pas bien entendu
    Qu'est-ce que vous avez dit ?
    Können Sie das bitte wiederholen?
    könnten Sie das noch einmal sagen
    Wie bitte?
    noch mal bitte
    Entschuldigung, ich habe Sie akustisch nicht verstanden, bitte wiederholen
    was haben Sie gesagt
    das habe ich nicht gehört
    Pode repetir, por favor?
    repete de novo por favor
    o que você disse?
    não ouvi direito
    mais uma vez por favor
    """
)

NOT_AGAIN = lines(
    """
    can you repeat my order
    I want to repeat my last order
    Repeat order 12345
    please repeat the delivery to my office next week
    say that to my wife
    can you say how much it costs
    can you tell me again when it arrives
    I didn't get my parcel
    I didn't get it delivered
    what is the price
    what did you say about the warranty
    sorry, it is 12345
    again the same problem
    I ordered one more time
    no
    thank you
    hello
    quiero repetir el pedido
    ¿cómo puedo pagar?
    ¿Qué precio tiene?
    no recibí nada
    de nuevo tengo un problema
    gracias
    أريد تكرار الطلب
    مرة أخرى تأخر الطلب
    شكرا
    je veux répéter ma commande
    comment je peux payer
    merci
    sagen Sie mir das bitte
    können Sie mir das sagen
    was kostet das
    noch einmal die gleiche Bestellung
    das habe ich nicht bestellt
    danke
    quero repetir o pedido
    como faço para pagar
    não recebi
    obrigado
    """
)

BYE = lines(
    """
    goodbye
    Bye!
    bye bye
    OK thank you very much, goodbye
    no that's all thank you bye
    No, nothing else. Thanks for your help, have a nice day, bye.
    see you later
    you can hang up now
    alright talk to you soon
    adiós
    Muchas gracias, hasta luego
    eso es todo gracias adiós
    que tenga un buen día, chao
    مع السلامة
    شكرا جزيلا، إلى اللقاء
    au revoir
    non merci c'est tout, au revoir, bonne journée
    merci beaucoup à bientôt
    Tschüss
    Auf Wiederhören
    nein danke, das war's, auf Wiedersehen
    vielen Dank und tschüss
    schönen Tag noch, tschüss
    tchau
    não, só isso, muito obrigado, tchau
    até logo, tenha um bom dia
    """
)

NOT_BYE = lines(
    """
    goodbye, but first tell me where my order is
    bye the way where is my order
    I said goodbye to my old phone
    the Goodbye bouquet please
    do you have the goodbye card
    before I hang up, what are your hours
    don't hang up
    please don't hang up on me
    thank you
    that's all
    no
    see you have it in blue
    have a nice day
    good morning
    hello
    I want to say bye to my subscription
    hola
    buenos días
    gracias eso es todo
    adiós a mi dinero
    no cuelgue
    hasta mañana no puedo
    مرحبا
    السلام عليكم
    شكرا
    bonjour
    salut
    merci
    ne raccrochez pas
    au revoir le colis
    guten Tag
    servus
    bis morgen muss es da sein
    nicht auflegen
    danke das war alles
    oi
    bom dia
    obrigado
    não desligue
    até amanhã preciso do pedido
    """
)


@pytest.mark.parametrize("said", AGAIN)
def test_asked_to_say_it_again(said: str) -> None:
    """A caller who did not hear is told the same again, and is not taken to leave."""
    assert asks_to_repeat(said) and not says_goodbye(said)


@pytest.mark.parametrize("said", NOT_AGAIN)
def test_repeating_something_else_is_the_models(said: str) -> None:
    """An order to be repeated, a question with a word like it, or a courtesy alone is no wish to hear it again."""
    assert not asks_to_repeat(said)


@pytest.mark.parametrize("said", BYE)
def test_goodbye(said: str) -> None:
    """Goodbye with what people say around it ends a call."""
    assert says_goodbye(said) and not asks_to_repeat(said)


@pytest.mark.parametrize("said", NOT_BYE)
def test_what_is_no_goodbye(said: str) -> None:
    """A greeting, thanks, a goodbye with a question, or a request not to hang up leaves the call as it is."""
    assert not says_goodbye(said)


@given(st.text(max_size=200))
def test_any_speech_is_read(said: str) -> None:
    """Whatever is heard, it is one wish at most."""
    assert not (asks_to_repeat(said) and says_goodbye(said))


@pytest.mark.parametrize(
    "word", ["sorry", "pardon", "bye", "no", "please say", "bis", "que tenga", "i didn't"]
)
def test_a_long_babble_is_read_at_once(word: str) -> None:
    """Speech of 10 kB, or as much of one word as is looked at, is read without going back over it."""
    began = time.process_time()
    for length in (120, 10_000):
        said = (f"{word} " * length)[:length]
        assert not (asks_to_repeat(said + "x") and says_goodbye(said + "x"))
    assert time.process_time() - began < 5
