"""What is read as a wish about the customer's own record, to hear or to forget it: sentences in six languages."""

from __future__ import annotations

import pytest

from session.wishes import asks_to_forget, asks_what_is_known
from tests.unit.sentences import lines

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
