"""What a customer wants, apart from facts: greeting, thanks, a person, news; and which language it is said in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ai.standin_read import plain, says

LANGUAGES = ("en", "es", "ar", "fr", "de", "pt")

PERSON = (
    r"\b(speak|talk|chat|connect|put me through|transfer me)\b.{0,24}\b(a|an|some|the|your|real|live|actual)\s?(?:\w+\s)?"
    r"(human|person|people|agent|one|body|operator|representative|manager|supervisor|adviser|advisor|colleague|staff)\b"
    r"|\b(speak|talk) (to|with) (someone|somebody|people)\b|\b(i )?(want|need|get me|give me) (a|an) (real |live )?"
    r"(human|person|operator|representative)\b|\b(human|live) (agent|operator|being)\b|\bagent,? please\b"
    r"|\b(hablar|comunicarme|chatear) con (una |un |el |la )?(persona|humano|agente|alguien|operador|asesor|empleado)"
    r"|\bparler (à|a|avec) (une? |l'un )?(vraie |autre )?(personne|humain|être humain|conseill|agent|quelqu'un|employé)"
    r"|\bmit (einem |einer |echten |jemand)\w*\s?(echten |richtigen )?\w*\s?(sprechen|reden|menschen|person|mitarbeiter)"
    r"|\bfalar com (uma? |o |a )?(pessoa|humano|alguém|atendente|agente|operador|funcionári)"
    r"|(تحدث|اتحدث|أتحدث|التحدث|أكلم|اكلم|التكلم|أتكلم|الكلام) (مع |إلى |الى )?(ال)?(شخص|موظف|إنسان|انسان|أحد|ممثل|مسؤول)"
)
KNOWN = (
    r"\bwh?at (do|have|does) (you|u|ya) (know|kno|remember|got|have|kept|store[d]?)\b.{0,20}\b(about|abuot|abt|on|of) me\b"
    r"|what (you|u) know about me|\bwhat('?s| is| was) my (order|name)\b(?!.{0,20}\b(status|total|update))"
    r"|\bqué (sabes?|sabe usted|recuerdas?) (de|sobre) mí|\bque (savez-vous|sais-tu|sait-on) (sur|de) moi"
    r"|\bwas (weißt du|wissen sie|weisst du) (alles )?(über|von) mi(ch|r)|\bo que (você )?(sabe|lembra) (sobre|de) mim"
    r"|ماذا تعرف عني|ما الذي تعرفه عني|شو تعرف عني|ماذا تتذكر عني"
)
FORGET = (
    r"^\W*(please |now |ok |okay |and )*(forget|delete|erase)\b.{0,30}\b(that|it|this|about|everything|all|my|me|what)\b"
    r"|\b(olvida|olvídalo|bórralo|borra) ?(eso|lo|todo|mis datos)?\b|\boubli(e|ez) (ça|cela|tout|ce que)"
    r"|\bvergiss (das|es|alles)|\bvergessen sie (das|es|alles)|\besque(ça|ce|cer) (isso|tudo|o que)"
    r"|(انس|إنس|انسى|احذف|امسح) (ذلك|هذا|كل شيء|كل شي|بياناتي)"
)
EVERYTHING = r"\b(everything|all|whatever|todo|mis datos|tout|alles|tudo)\b|كل|\b(forget|delete) (about )?me\b|بياناتي|what you know"
THANKS = r"\b(thanks|thank you|thx|cheers|gracias|merci|danke|vielen dank|obrigad[oa])\b|شكرا|شكراً|مشكور"
BYE = (
    r"^\W*(bye|goodbye|see you|that's all|that is all|no,? that's all|adiós|adios|eso es todo|au revoir|c'est tout|tschüss"
    r"|auf wiedersehen|das war alles|das ist alles|tchau|adeus|é só isso|مع السلامة|هذا كل شيء|وداعا)\b"
)
UPDATE = (
    r"\b(updates?|news|status|progress|any word|heard anything|track(ing)?)\b|\b(has|have|did|will|when|is)\b.{0,40}"
    r"\b(shipp?(ed)?|arrived?|delivered|come|sent)\b.*\?|\bwhere('?s| is| are)\b.{0,20}\b(order|package|parcel|delivery)\b"
    r"|\b(novedades|noticias|estado|seguimiento|actualización)\b|dónde está|\b(nouvelles|statut|suivi|du nouveau)\b"
    r"|\boù (est|en est)\b|\b(neuigkeiten|sendungsverfolgung|neues)\b|\bwo (ist|bleibt)\b|\bwann\b.*\b(kommt|ankommt|geliefert)"
    r"|\b(novidades?|notícias|atualização|rastreio|situação)\b|onde está|\bcuándo (llega|llegará)|\bquand (arrive|arrivera)"
    r"|\bquando (chega|vai chegar)|(أين|وين) (هو )?طلب|حالة (ال)?طلب|جديد|أخبار|اخبار|متى يصل|تتبع"
)
AGAIN = (
    r"\b(again|i'm back|i am back|remember|soy yo|otra vez|de nuevo|c'est (encore )?moi|encore moi|me revoilà|ich bin'?s"
    r"|ich bin es|wieder da|sou eu|voltei)\b|أنا مرة أخرى|انا مرة اخرى|مرة أخرى|رجعت|عدت|هذا أنا"
)
GREETING = (
    r"^\W*(hi|hello|hey|good (morning|afternoon|evening)|hola|buen[oa]s (días|tardes|noches)|salut|bonjour|bonsoir|allô"
    r"|hallo|guten (tag|morgen|abend)|moin|olá|oi|bom dia|boa (tarde|noite)|مرحبا|مرحباً|أهلا|اهلا|السلام عليكم)(?!\w)"
)
WHO = (
    r"\b(who|what) are you\b|are you (a |an )?(bot|robot|human|real|person|ai|machine)|quién eres|qui êtes-vous|wer bist du"
    r"|wer sind sie|quem é você|من أنت"
)
HOURS = (
    r"\b(opening hours|hours|when (are|do) you (open|close)|are you open|horario|a qué hora abren|horaires|öffnungszeiten"
    r"|wann (haben sie|habt ihr|öffnen|sind sie)|horário)\b|ساعات العمل|متى تفتح|أوقات الدوام"
)
SEARCH = (
    r"\b(show|find|search|looking for|look for|options|anything else|more|available|busco|buscar|cherche|suche|procuro"
    r"|opções|opciones|mostrar|else|otra cosa|autre chose|outra coisa)\b|أبحث|ابحث|أريد|اريد|عندكم|لديكم|اعرض"
)
NOT_SHIPPED = (
    r"(\w{2}n'?t|\bnot|\bnever)\b.{0,12}\bship|no ha sido enviad|pas (encore )?(été )?(expédié|envoyé)|nicht (versandt|verschickt)"
    r"|não foi enviad|لم يتم شحن|لم (يشحن|تشحن)"
)

TOTAL = r"\b(total|how much|what do i owe|the sum|cuánto|combien|wie ?viel|gesamt\w*|quanto)\b|المجموع|الإجمالي|الاجمالي|كم السعر"
# What cannot wait for an answer by text message.
EMERGENCY = (
    r"\b(chest pain|can'?t breathe|cannot breathe|bleeding|unconscious|overdose|suicid\w+|heart attack|stroke|emergency"
    r"|dolor de pecho|no puedo respirar|emergencia|urgencias|douleur à la poitrine|urgence vitale|brustschmerz\w*|notfall"
    r"|dor no peito|emergência)\b|ألم في (ال)?صدر|لا أستطيع التنفس|حالة طارئة"
)
# How a question begins, with or without its mark.
ASKS = r"^\W*(can|could|do|does|did|is|are|will|would|should|what|when|how|why|who|which)\b"
# Nothing that could be on record: anger, and attempts to give the assistant other rules.
NO_NEWS = (
    r"\b(useless|stupid|idiot\w*|dumb|bullshit|fuck\w*|shit|crap|hate you|inútil|idiota|imbécile|débile|nutzlos|dumm|burr[oa])\b"
    r"|\b(ignore|disregard|forget|override)\b.{0,30}\b(instructions?|rules?|prompt)\b|\b(system|your) (prompt|instructions)\b"
    r"|غبي|كلام فارغ"
)
NOTHING_ELSE = (
    r"^\W*(that'?s (it|all)|nothing( else)?)\W*$"
    r"|^\W*(no|nope|nein|non|não|لا)(,? (thanks|thank you|gracias|merci|danke|obrigad[oa]|شكرا))?\W*$"
)

_RATING = re.compile(
    r"\W{0,3}([1-5])(\s?/\s?5|\s?(stars?|estrellas|étoiles|sterne|estrelas|نجوم))?\W{0,3}", re.IGNORECASE
)
_RATING_ASKED = r"\b1\b.{0,40}\b5\b"

_FREQUENT = {
    "en": r"the|my|is|it|it's|again|to|talk|like|i'd|can|of|this|hi|hello|hey|thank|thanks|order|you|what|i'm|and|have|not|please|with|about|want|i",
    "es": r"el|la|los|mi|es|hola|gracias|pedido|qué|dónde|está|quiero|una|con|por|tengo|sobre|para|soy|favor|prefiero|llamo|el|los",
    "fr": r"le|la|les|mon|ma|est|bonjour|merci|commande|je|j'ai|vous|une|avec|pour|où|pas|suis|voudrais|préfère|salut|m'appelle",
    "de": r"der|die|das|mein|meine|meiner|ist|hallo|danke|bestellung|ich|sie|eine|einen|mit|für|und|nicht|wo|bitte|guten",
    "pt": r"o|os|meu|minha|é|olá|obrigado|obrigada|pedido|você|uma|com|onde|está|quero|não|tenho|para|prefiro|falar|oi|chamo",
}


def wants_person(text: str) -> bool:
    return says(text, PERSON)


def rating(text: str, asked: str) -> int | None:
    """1 to 5, when that is all that was said and a figure from 1 to 5 was asked for, or it is said of five."""
    match = _RATING.fullmatch(text.strip())
    if match and (match[2] or says(asked, _RATING_ASKED)):
        return int(match[1])
    return None


def language(text: str) -> str:
    """The language of a text by its script and its frequent words; nothing when two are as likely, or none is."""
    text = plain(text)
    if re.search("[\u0600-\u06ff]", text):
        return "ar"
    told = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    counts = {tag: sum(word in _WORD_SETS[tag] for word in told) for tag in _FREQUENT}
    best = sorted(counts, key=lambda tag: -counts[tag])
    return best[0] if counts[best[0]] > counts[best[1]] else ""


_WORD_SETS = {tag: frozenset(words.split("|")) for tag, words in _FREQUENT.items()}


def language_of(newest: str, facts: Mapping[str, Any], earlier: Sequence[str]) -> str:
    """The language to answer in: of the newest message, as the prompt tells it, of earlier messages, or English."""
    known = str(facts.get("language", ""))[:2].lower()
    if told := language(newest) or (known if known in LANGUAGES else ""):
        return told
    return next((tag for text in reversed(earlier) if (tag := language(text))), "en")
