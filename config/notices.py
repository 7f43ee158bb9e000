"""What Ringback itself says to a customer, in six languages, and in an agent's own words where its file has them.

Plain marks and few words, so that a notice costs two SMS segments at most in every language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.agent import Agent
from config.notices_voice import VOICE_NOTICES

NOTICES: Mapping[str, Mapping[str, str]] = {
    **VOICE_NOTICES,
    # The model is away; the message waits and is answered later.
    "apology": {
        "en": "Sorry, I can't answer just now. We have your message and will reply as soon as we can.",
        "es": "Lo siento, ahora mismo no puedo responder. Tenemos su mensaje y le contestaremos en cuanto podamos.",
        "ar": "عذرا، لا أستطيع الرد الآن. وصلتنا رسالتك وسنرد عليك في أقرب وقت ممكن.",
        "fr": "Désolé, je ne peux pas répondre pour le moment. Nous avons votre message et répondrons dès que possible.",
        "de": "Entschuldigung, ich kann gerade nicht antworten. Ihre Nachricht ist da, wir antworten so bald wie möglich.",
        "pt": "Desculpe, não consigo responder agora. Temos a sua mensagem e vamos responder assim que possível.",
    },
    # Answering one message failed again and again, the model being well.
    "unreadable": {
        "en": "Sorry, we could not read your message. Please send it again in other words.",
        "es": "Lo siento, no hemos podido leer su mensaje. Por favor, envíelo otra vez con otras palabras.",
        "ar": "عذرا، لم نتمكن من قراءة رسالتك. يرجى إرسالها مرة أخرى بكلمات أخرى.",
        "fr": "Désolé, nous n'avons pas pu lire votre message. Merci de le renvoyer avec d'autres mots.",
        "de": "Entschuldigung, wir konnten Ihre Nachricht nicht lesen. Bitte senden Sie sie mit anderen Worten noch einmal.",
        "pt": "Desculpe, não conseguimos ler a sua mensagem. Por favor, envie de novo com outras palavras.",
    },
    # The day's limit is used up; a failure entry brings a person to it.
    "enough_today": {
        "en": "We have your message. That is all we can answer for today; a person will look at it.",
        "es": "Tenemos su mensaje. Por hoy no podemos responder más; una persona lo revisará.",
        "ar": "وصلتنا رسالتك. لا يمكننا الرد على المزيد اليوم، وسيطلع عليها أحد موظفينا.",
        "fr": "Nous avons votre message. Nous ne pouvons plus répondre aujourd'hui ; une personne va le lire.",
        "de": "Ihre Nachricht ist da. Für heute können wir nicht mehr antworten; ein Mensch sieht sie sich an.",
        "pt": "Temos a sua mensagem. Por hoje não podemos responder mais; uma pessoa vai ver a mensagem.",
    },
    # A person is asked: the one acknowledgement, then silence.
    "handoff": {
        "en": "I have passed this on to a person of our team, who will answer you here.",
        "es": "He pasado su mensaje a una persona de nuestro equipo, que le responderá aquí.",
        "ar": "لقد حولت محادثتك إلى أحد موظفينا، وسيرد عليك هنا.",
        "fr": "J'ai transmis votre message à une personne de notre équipe, qui vous répondra ici.",
        "de": "Ich habe das an einen Menschen aus unserem Team weitergegeben, der Ihnen hier antwortet.",
        "pt": "Passei a sua mensagem a uma pessoa da nossa equipe, que vai responder aqui.",
    },
    # The same while nobody is there. {opens} is "tomorrow at 9 am", see session.hours.
    "handoff_closed": {
        "en": "I have passed this on to our team. They are back {opens} and will answer you here then.",
        "es": "He pasado su mensaje a nuestro equipo. Vuelve {opens} y le responderá aquí.",
        "ar": "لقد حولت محادثتك إلى فريقنا. سيعود {opens} ويرد عليك هنا.",
        "fr": "J'ai transmis votre message à notre équipe. Elle revient {opens} et vous répondra ici.",
        "de": "Ich habe das an unser Team weitergegeben. Es ist {opens} wieder da und antwortet Ihnen dann hier.",
        "pt": "Passei a sua mensagem à nossa equipe. Ela volta {opens} e responde aqui.",
    },
    # Outside business hours, before the assistant's answer or in its place.
    "after_hours": {
        "en": "We are closed now. Our team is back {opens}.",
        "es": "Ahora estamos cerrados. Nuestro equipo vuelve {opens}.",
        "ar": "نحن مغلقون الآن. سيعود فريقنا {opens}.",
        "fr": "Nous sommes fermés en ce moment. Notre équipe revient {opens}.",
        "de": "Wir haben gerade geschlossen. Unser Team ist {opens} wieder da.",
        "pt": "Estamos fechados agora. A nossa equipe volta {opens}.",
    },
    # The customer asked to forget one thing; or all.
    "forgotten": {
        "en": "Done. I have forgotten that.",
        "es": "Hecho. Lo he olvidado.",
        "ar": "تم. لقد نسيت ذلك.",
        "fr": "C'est fait. Je l'ai oublié.",
        "de": "Erledigt. Ich habe das vergessen.",
        "pt": "Feito. Já esqueci isso.",
    },
    "forgotten_all": {
        "en": "Done. I have forgotten what I remembered about you.",
        "es": "Hecho. He olvidado lo que recordaba de usted.",
        "ar": "تم. لقد نسيت كل ما كنت أتذكره عنك.",
        "fr": "C'est fait. J'ai oublié ce que je retenais de vous.",
        "de": "Erledigt. Ich habe vergessen, was ich mir über Sie gemerkt hatte.",
        "pt": "Feito. Esqueci o que lembrava sobre você.",
    },
    "nothing_known": {
        "en": "I have nothing on record about you yet.",
        "es": "Todavía no tengo nada guardado sobre usted.",
        "ar": "ليس لدي أي معلومات محفوظة عنك حتى الآن.",
        "fr": "Je n'ai encore rien noté à votre sujet.",
        "de": "Ich habe noch nichts über Sie gespeichert.",
        "pt": "Ainda não tenho nada guardado sobre você.",
    },
    "nothing_to_forget": {
        "en": "I remember nothing beyond this conversation. Write 'forget everything' to have that deleted too.",
        "es": "No recuerdo nada más que esta conversación. Escriba 'olvida todo' para borrarla también.",
        "ar": "لا أتذكر شيئًا غير هذه المحادثة. اكتب: انس كل شيء، لتُحذف هي أيضًا.",
        "fr": "Je ne retiens rien de plus que cette conversation. Avec 'oubliez tout', elle est effacée aussi.",
        "de": "Ich habe mir nichts über dieses Gespräch hinaus gemerkt. Mit 'vergiss alles' wird auch das gelöscht.",
        "pt": "Não me lembro de nada além desta conversa. Escreva 'esqueça tudo' para apagá-la também.",
    },
    # At a conversation's end, when the agent's file asks for it; any other answer is a new topic.
    "closing_question": {
        "en": "How satisfied are you with our help? Please answer with a number from 1 (not at all) to 5 (very).",
        "es": "¿Está satisfecho con nuestra ayuda? Responda con un número del 1 (nada) al 5 (mucho).",
        "ar": "ما مدى رضاك عن مساعدتنا؟ أجب برقم من 1 (غير راض) إلى 5 (راض جدا).",
        "fr": "Notre aide vous a-t-elle satisfait ? Répondez par un chiffre de 1 (pas du tout) à 5 (tout à fait).",
        "de": "Wie zufrieden sind Sie mit unserer Hilfe? Antworten Sie mit einer Zahl von 1 (gar nicht) bis 5 (sehr).",
        "pt": "Ficou satisfeito com a nossa ajuda? Responda com um número de 1 (nada) a 5 (muito).",
    },
    "thanks_rating": {
        "en": "Thank you for your rating.",
        "es": "Gracias por su valoración.",
        "ar": "شكرا على تقييمك.",
        "fr": "Merci pour votre note.",
        "de": "Danke für Ihre Bewertung.",
        "pt": "Obrigado pela sua avaliação.",
    },
    # A reply that must not be sent (ai.safety), twice in a row.
    "blocked_answer": {
        "en": "Sorry, I can't answer that. Is there something else I can help you with?",
        "es": "Lo siento, a eso no puedo responder. ¿Le puedo ayudar con otra cosa?",
        "ar": "عذرا، لا أستطيع الإجابة عن ذلك. هل يمكنني مساعدتك في شيء آخر؟",
        "fr": "Désolé, je ne peux pas répondre à cela. Puis-je vous aider pour autre chose ?",
        "de": "Entschuldigung, darauf kann ich nicht antworten. Kann ich Ihnen sonst helfen?",
        "pt": "Desculpe, não posso responder a isso. Posso ajudar em mais alguma coisa?",
    },
}  # fmt: skip

NOTICE_CHARS_MAX = 600

_PLACE = re.compile(r"\{([^{}]*)\}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def notice(agent: Agent, name: str, language: str, **values: str) -> str:
    """The notice ``name`` in ``language`` ("pt-BR", "de"; empty: the agent's first).

    The agent's own words come before ours; then the language without its region, the agent's first language,
    English. ``values`` fill the places in braces; they are put in as they stand.
    """
    text = _text(agent, name, language)
    missing = [place for place in _PLACE.findall(text) if place not in values]
    if missing:
        raise ValueError(f"the notice {name} needs a value for {', '.join(missing)}")
    return _PLACE.sub(lambda place: values[place[1]], text)


def notice_fault(name: str, language: str, text: str) -> str:
    """What is wrong with an agent's own words for a notice, as a sentence; empty when nothing is."""
    if name not in NOTICES:
        return f'there is no notice "{name}"; known are {", ".join(sorted(NOTICES))}.'
    if not _LANGUAGE.fullmatch(language):
        return f'"{language}" is not a language; write a code like "en" or "pt-BR".'
    if not text.strip() or len(text) > NOTICE_CHARS_MAX:
        return f"the notice {name} must have 1 to {NOTICE_CHARS_MAX} characters."
    known = set(_PLACE.findall(NOTICES[name]["en"]))
    if set(_PLACE.findall(text)) != known or re.search(r"[{}]", _PLACE.sub("", text)):
        wanted = ", ".join(f"{{{place}}}" for place in sorted(known)) or "no braces"
        return f"the notice {name} must hold {wanted} and nothing else in braces."
    return ""


def _text(agent: Agent, name: str, language: str) -> str:
    ours, own = NOTICES[name], agent.notices.get(name, {})
    tag = language.strip().replace("_", "-")
    wanted = [tag, tag.lower(), tag.lower().partition("-")[0]]
    for code in (*wanted, *(agent.languages[:1]), "en"):
        for texts in (own, ours):
            if code in texts:
                return texts[code]
    raise AssertionError("unreachable: every notice is written in English")
