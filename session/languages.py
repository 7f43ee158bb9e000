"""Which language a text is in, told by its script and its frequent words. Pure; "" when unsure.

Six languages are told apart. A text in another one, a number or a lone "ok" is "", so that what is known of the
customer stays.
"""

from __future__ import annotations

import re
import unicodedata

from config.agent import LANGUAGES
from session.model import Customer, Session

# Longer texts are judged by their beginning.
CHARS_LOOKED_AT = 1000

# Words that many sentences of a language have; one that several languages share counts for each.
_FREQUENT = {
    "en": """the a an i you he she it we they is are was were am be been have has had do does did will would can could
        should my your his her our their me him us them this that these those what when where who why how which and or
        but not no yes if of to in on at for with from about by as so please want need like know get make there here
        very much any some just now still don't i'm i've i'd it's what's can't isn't didn't order help today tomorrow
        morning yesterday hi""",
    "es": """el la los las un una unos unas yo tu usted ustedes nosotros ellos es son era soy eres estoy esta estan ser
        estar tengo tiene tienes hay he ha quiero quisiera puedo puede pueden necesito mi mis su sus me te le lo nos se
        este esto esa ese eso que cuando donde quien porque como cual y o pero no si de del al en con para por sin sobre
        muy mas ya hoy manana ayer todo algo nada favor pedido ayuda numero cuanto a""",
    "fr": """le la les un une des du de je tu il elle nous vous ils elles on est sont suis es etes ai as a avons avez ont
        etait etre avoir faire veux voudrais peux peut pouvez besoin mon ma mes ton ta votre vos notre nos son sa ses me
        te se ce cet cette ces ca que qui quoi quand ou comment pourquoi quel quelle et mais pas ne non oui si dans sur
        avec pour par sans au aux en tres plus deja aujourd'hui demain hier c'est j'ai je n'ai qu'il d'un d'une l'ai
        commande aide combien est-ce""",
    "de": """der die das den dem des ein eine einen einem einer ich du er sie es wir ihr ist sind war waren bin bist sein
        habe hat haben hatte wird werden wurde kann konnen konnte mochte will wollen muss mein meine meinen meiner dein
        ihre ihren unser mich mir dich dir uns ihnen dieser diese dieses was wann wo wer warum wie welche und oder aber
        nicht kein keine nein ja wenn dass von zu zum zur im in am an auf fur mit aus bei nach uber vor um als auch so
        noch schon sehr bitte heute morgen gestern bestellung hilfe gibt es""",
    "pt": """o a os as um uma eu voce voces ele ela nos eles e sao era sou estou esta estao ser estar tenho tem ha quero
        queria gostaria posso pode podem preciso meu minha meus minhas seu sua me te lhe se este isto esse essa isso que
        quando onde quem porque como qual ou mas nao sim de do da dos das no na nos nas em com para por pelo sem sobre
        muito mais ja hoje amanha ontem tudo algo nada favor pedido ajuda numero quanto ao""",
}  # fmt: skip

# Words that hardly any other of the six has: one is enough.
_TELLING = {
    "en": "hello hey thanks thank goodbye good morning evening afternoon sorry what's where's i'm i'd",
    "es": """hola gracias buenos buenas dias tardes noches adios perdon quisiera necesito usted donde cuanto cuesta
        hablar quiero pedido estoy gustaria espanol""",
    "fr": """bonjour bonsoir salut merci s'il plait voudrais aujourd'hui combien commande j'ai c'est est-ce oui parler
        francais revoir""",
    "de": """hallo danke guten tschuss bitte mochte ich nicht wie viel bestellung entschuldigung servus moin deutsch
        sprechen""",
    "pt": """ola oi onde meu minha nao obrigado obrigada bom boa tarde noite dia voce amanha gostaria preciso falar desculpe tchau
        portugues""",
}

# Letters that the other languages lack. A tilde n or an inverted mark is Spanish, and so on.
_LETTERS = {"es": "ñ¿¡", "de": "äöüß", "pt": "ãõ", "fr": "œêîû"}

# Persian, Urdu and their neighbours write with letters that Arabic does not have.
_NOT_ARABIC = set("پچژگکیےٹڈڑںہھۓڤ")

_NAMES = {
    "english": "en", "spanish": "es", "espanol": "es", "castellano": "es", "arabic": "ar", "العربية": "ar", "عربي": "ar",
    "french": "fr", "francais": "fr", "german": "de", "deutsch": "de", "portuguese": "pt", "portugues": "pt",
}  # fmt: skip

# A greeting is enough to begin with, but a single foreign word does not change what is known.
WORDS_TO_CHANGE = 3

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_ADDRESS = re.compile(r"\S*(?:://|@|www\.)\S*")
_SCORE_MIN = 2.0
_LEAD_MIN = 1.3


def detect(text: str) -> str:
    """The language of ``text``, one of ``LANGUAGES``, or "" when unsure."""
    text = _ADDRESS.sub(" ", unicodedata.normalize("NFC", text[:CHARS_LOOKED_AT]).lower().replace("’", "'"))
    letters = [letter for letter in text if letter.isalpha()]
    arabic = [letter for letter in letters if "\u0600" <= letter <= "\u06ff"]
    if len(arabic) * 2 > len(letters):
        return "" if _NOT_ARABIC & set(arabic) or len(arabic) < 2 else "ar"
    if sum(letter < "\u0250" for letter in letters) * 2 < len(letters):
        return ""
    return _by_words(text)


def preferred(session: Session, customer: Customer, text: str) -> str:
    """The language to answer ``text`` in: its own, else the session's, else the customer's, else ""."""
    known = code(session.language) or code(customer.language)
    found = detect(text)
    changes = found != known and (not known or len(_WORD.findall(text)) >= WORDS_TO_CHANGE)
    return found if found and changes else known


def code(language: str) -> str:
    """A model's word for a language ("pt-BR", "German", "Español") as its code; "" when it is none of ours."""
    plain = _without_accents(language.strip().lower())
    tag = re.split(r"[-_ (]", plain, maxsplit=1)[0]
    return tag if tag in LANGUAGES else _NAMES.get(tag, "")


def _by_words(text: str) -> str:
    words = {_without_accents(word) for word in _WORD.findall(text)}  # a word that comes twice tells no more
    scores = {
        language: sum(2.0 if word in _WORDS_TELLING[language] else float(word in frequent) for word in words)
        + sum(1.0 for letter in set(_LETTERS.get(language, "")) if letter in text)
        for language, frequent in _WORDS_FREQUENT.items()
    }
    (best, score), (_, second) = sorted(scores.items(), key=lambda pair: -pair[1])[:2]
    # Long texts in a seventh language hold a few of these words, too.
    if score < max(_SCORE_MIN, len(words) * 0.25) or score < second * _LEAD_MIN:
        return ""
    return best


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


_WORDS_FREQUENT = {language: frozenset(words.split()) for language, words in _FREQUENT.items()}
_WORDS_TELLING = {language: frozenset(words.split()) for language, words in _TELLING.items()}
