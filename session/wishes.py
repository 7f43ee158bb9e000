"""What a customer wishes of the system itself, and what a reply promises in its name, told by phrases. Pure.

Six languages. A phrase missed is no harm, for the model reads the same message; a phrase found wrongly stops a
conversation. So in doubt nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from session.model import Message
from session.phrases import CHARS_LOOKED_AT, Phrases, clauses, compiled, everywhere, fold
from session.phrases_memory import FORGET_ALL, FORGET_THAT, WHAT_IS_KNOWN
from session.phrases_person import ASKING, Asking
from session.phrases_transfer import NO_PROMISE, PROMISES
from session.phrases_voice import COURTESIES, GOODBYE, GREETINGS, PARTING, REPEAT

# A rating is a number with a courtesy, not a message.
RATING_CHARS_MAX = 60

# A caller who has more to say than this asks for more than to hear it again, or to go.
CALL_WISH_CHARS_MAX = 120
PERSON_KEY = "0"

Forget = Literal["", "that", "all"]
Patterns = tuple[re.Pattern[str], ...]


_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_NUMBER_WORDS = (
    "1 one uno una un une eins um uma واحد", "2 two dos deux zwei dois duas اثنان اثنين", "3 three tres trois drei ثلاثه",
    "4 four cuatro quatre vier quatro اربعه", "5 five cinco cinq funf fuenf خمسه",
)  # fmt: skip
_NUMBERS = {word: value for value, words in enumerate(_NUMBER_WORDS, 1) for word in words.split()}
_OF_FIVE = re.compile(
    r"(?<!\w)([1-5]|[^\W\d_]+)\s*(?:/|out of|of|von|sur|de|em|من|على|علي)\s*(?:5|five|cinco|cinq|funf|fuenf|خمسه)(?!\w)"
)
# What people write around the number: courtesies, "stars", "I give it a".
_BESIDE_A_RATING = frozenset(
    [
        "thanks",
        "thank",
        "you",
        "very",
        "much",
        "star",
        "stars",
        "point",
        "points",
        "rating",
        "score",
        "i",
        "i'd",
        "would",
        "give",
        "it",
        "a",
        "say",
        "rate",
        "you",
        "my",
        "is",
        "the",
        "great",
        "good",
        "super",
        "perfect",
        "excellent",
        "definitely",
        "solid",
        "gracias",
        "muchas",
        "muy",
        "bien",
        "estrella",
        "estrellas",
        "punto",
        "puntos",
        "nota",
        "le",
        "doy",
        "mi",
        "es",
        "excelente",
        "perfecto",
        "merci",
        "beaucoup",
        "etoile",
        "etoiles",
        "point",
        "note",
        "je",
        "donne",
        "tres",
        "bien",
        "parfait",
        "c'est",
        "danke",
        "vielen",
        "sehr",
        "gut",
        "stern",
        "sterne",
        "punkt",
        "punkte",
        "ich",
        "gebe",
        "eine",
        "note",
        "meine",
        "ist",
        "super",
        "bewertung",
        "obrigado",
        "obrigada",
        "muito",
        "bom",
        "estrela",
        "estrelas",
        "ponto",
        "pontos",
        "dou",
        "minha",
        "nota",
        "e",
        "otimo",
        "perfeito",
        "شكرا",
        "جزيلا",
        "نجوم",
        "نجمه",
        "نقاط",
        "اعطيكم",
        "ممتاز",
        "تقييمي",
    ]
)

_WHAT_IS_KNOWN = everywhere(WHAT_IS_KNOWN)
_FORGET_ALL = everywhere(FORGET_ALL)
_FORGET_THAT = everywhere(FORGET_THAT)
_COURTESY = compiled(
    [
        "please|thanks?|thank you|ok|okay|hi|hello|hey|sorry|no|oh|actually|wait",
        "por favor|gracias|hola|perdón|obrigad[oa]|olá|desculpe|merci|svp|s'il (?:vous|te) plaît|bonjour|pardon",
        "bitte|danke|hallo|entschuldigung|nein|من فضلك|لو سمحت|شكرا|مرحبا",
    ]
)
_SENTENCE = re.compile(r"[^.!?؟\n]+[.!?؟]?")
# By language: "se" is "if" in Portuguese alone.
_PROMISES = tuple((compiled(phrases), compiled(NO_PROMISE[code])) for code, phrases in PROMISES.items())


def wants_person(text: str, languages: Sequence[str] = (), extra_words: Iterable[str] = ()) -> bool:
    """Whether the customer asks for a human being, in one of ``languages`` (none: all six).

    ``extra_words`` are the agent's own. A single word ("caretaker") is one more whom they may ask for; several
    words ("get me out of this") are a wish wherever they stand in a clause.
    """
    own = tuple(sorted({" ".join(fold(word).split()) for word in extra_words} - {""}))
    codes = [language.lower().partition("-")[0] for language in languages] or list(ASKING)
    asking = [_person(code, own) for code in dict.fromkeys(codes) if code in ASKING] or [_person("en", own)]
    return any(
        whole.fullmatch(clause)
        or any(not denied.search(clause[: found.start()]) for found in frames.finditer(clause))
        for clause in clauses(text)
        for whole, frames, denied in asking
    )


def asks_what_is_known(text: str) -> bool:
    """Whether the customer asks what is on record about them."""
    return any(_WHAT_IS_KNOWN.search(clause) for clause in clauses(text))


def asks_to_forget(text: str) -> Forget:
    """Whether the customer wants something forgotten: "that" (what was said last), "all", or "" for no.

    "that" must be the whole message, courtesies apart: "forget that, I'll take the blue one" changes a mind, and
    which item "forget my address" means is the model's to tell.
    """
    said = clauses(text)
    if any(_FORGET_ALL.match(clause) for clause in said):
        return "all"
    rest = [clause for clause in said if not _COURTESY.fullmatch(clause)]
    # What is to be forgotten may stand behind a comma: "vergessen Sie, was ich gesagt habe".
    return "that" if _FORGET_THAT.fullmatch(" ".join(rest)) else ""


def promises_transfer(text: str) -> bool:
    """Whether a reply of ours says that a person will take over or get in touch. An offer or a refusal does not."""
    if len(text) > 2 * CHARS_LOOKED_AT:  # what is promised stands at the beginning or at the end
        text = f"{text[:CHARS_LOOKED_AT]}\n{text[-CHARS_LOOKED_AT:]}"
    sentences = _SENTENCE.findall(text)
    return any(
        promise.search(clause) and not denied.search(clause)
        for sentence in sentences
        if not sentence.endswith(("?", "؟"))
        for clause in clauses(sentence)
        for promise, denied in _PROMISES
    )


def keys_person(message: Message) -> bool:
    """Whether a caller keyed what calls a person everywhere: 0 alone."""
    return bool(message.extra.get("digits")) and message.content.strip() == PERSON_KEY


def asks_to_repeat(text: str) -> bool:
    """Whether a caller asks for nothing but to hear the last words again."""
    return _is_all(text, _REPEAT)


def says_goodbye(text: str) -> bool:
    """Whether a caller says goodbye and nothing else: "bye, but where is my order" goes on."""
    return _is_all(text, _GOODBYE)


def rating(text: str) -> int | None:
    """The answer to the closing question, 1 to 5; None when the message is anything else, for it opens a topic."""
    if len(text) > RATING_CHARS_MAX:
        return None
    stars = re.fullmatch(r"\s*((?:[⭐★🌟]\ufe0f?\s*){1,5})[.!]*\s*", text)
    if stars:
        return len(re.findall(r"[⭐★🌟]", stars[1]))
    said = _OF_FIVE.sub(r"\1 ", fold(text).translate(_ARABIC_DIGITS))
    words = re.findall(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*", said)
    numbers = [_NUMBERS[word] for word in words if word in _NUMBERS]
    others = [word for word in words if word not in _NUMBERS]
    signs = re.search(r"[-+$€£%#@/]", said)
    if len(numbers) != 1 or signs or not all(word in _BESIDE_A_RATING for word in others):
        return None
    return numbers[0]


def _by_language(*phrases: Phrases) -> list[Patterns]:
    """For each language all of its ``phrases``, every one an expression of its own."""
    return [tuple(compiled([phrase]) for some in phrases for phrase in some[code]) for code in REPEAT]


def _is_all(text: str, wishes: Sequence[tuple[Patterns, Patterns]]) -> bool:
    """Whether a short text is a wish and what stands beside it, in one language, and nothing more."""
    if len(text) > CALL_WISH_CHARS_MAX:
        return False
    said = " ".join(clauses(text))
    return any(_made_of(said, wish, beside) for wish, beside in wishes)


def _made_of(said: str, wish: Patterns, beside: Patterns) -> bool:
    """Phrase by phrase, the longest first, without going back: a text cannot be made to take long."""
    at, found = 0, False
    while at < len(said):
        wished = max((match.end() for phrase in wish if (match := phrase.match(said, at))), default=0)
        other = max((match.end() for phrase in beside if (match := phrase.match(said, at))), default=0)
        if not wished and not other:
            return False
        found = found or wished >= other
        at = max(wished, other) + 1
    return found


_REPEAT = list(zip(_by_language(REPEAT), _by_language(COURTESIES, GREETINGS), strict=True))
_GOODBYE = list(zip(_by_language(GOODBYE), _by_language(COURTESIES, PARTING), strict=True))


@lru_cache(maxsize=256)
def _person(code: str, own: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Of one language with an agent's own words: a whole clause, a phrase within one, what denies it before."""
    asking: Asking = ASKING[code]
    names = [re.escape(word) for word in own if " " not in word]
    wishes = tuple(re.escape(word) for word in own if " " in word)
    named = rf"(?:\w+ )?(?:{'|'.join(names)})" if names else ""
    person = f"(?:{asking.person}|{named})" if named else asking.person

    def filled(phrase: str) -> str:
        who = f"(?:{asking.who}|{named})" if named else asking.who
        return phrase.replace("{who}", who).replace("{person}", person)

    bare = compiled([filled(asking.bare), *names, *wishes])
    return (
        bare,
        compiled([filled(frame) for frame in asking.frames] + list(wishes)),
        re.compile(r"(?<!\w)" + fold(asking.denial)),
    )
