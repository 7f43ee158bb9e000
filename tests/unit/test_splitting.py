"""Long replies: DECISIONS 26."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.splitting import ELLIPSIS, PART_UNITS_MAX, PARTS_MAX, split, units

SENTENCE = "The parcel left our house on Monday morning. "
FAMILY = "👨\u200d👩\u200d👧\u200d👦"
TONE = "👍🏽"
FLAG = "🇩🇪"
ACCENTED = "e\u0301"

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=200)
long_texts = st.lists(words, max_size=100).map(" ".join)


def test_a_short_reply_is_one_part() -> None:
    """What fits is sent as it is, without its outer blanks."""
    assert ("Your order ships today.",) == split("  Your order ships today.\n")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_is_no_part(text: str) -> None:
    """A blank reply has no parts."""
    assert () == split(text)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 1500, [1500]),
        ("a" * 1501, [1500, 1]),
        ("👋" * 750, [1500]),
        ("👋" * 751, [1500, 2]),
        ("a" + "👋" * 750, [1499, 2]),
        ("a" * 7500, [1500] * 5),
        ("a" * 7501, [1500] * 5),
    ],
)
def test_length_is_counted_in_utf16_units(text: str, lengths: list[int]) -> None:
    """1,500 units fit into a part, 1,501 do not, and no pair of surrogates is torn."""
    assert lengths == [units(part) for part in split(text)]


def test_a_part_ends_at_a_sentence() -> None:
    """Where a sentence ends within the limit, a part ends there."""
    parts = split(SENTENCE * 80)

    assert len(parts) == 3
    assert all(part.endswith("morning.") for part in parts)
    assert all(part.startswith("The parcel") for part in parts)


@pytest.mark.parametrize("end", ["?", "!", '."', "…", ".)", "।"])
def test_what_ends_a_sentence(end: str) -> None:
    """A sentence ends at its mark and the quotes and brackets after it, before a blank."""
    first = "a" * 100 + end

    assert first == split(f"{first} {'b' * 1450}")[0]


@pytest.mark.parametrize("text", ["不客气。", "好！"])
def test_an_east_asian_sentence_ends_without_a_blank(text: str) -> None:
    """The full-width marks end a sentence by themselves."""
    parts = split(text * 500)

    assert all(part.endswith(text[-1]) for part in parts)


def test_a_line_is_a_sentence() -> None:
    """A line that ends without a mark (a list) ends a sentence too."""
    parts = split("\n".join(f"- item {number} of the list" for number in range(100)))

    assert all(re.fullmatch(r"- item \d+ of the list", part.splitlines()[-1]) for part in parts)


def test_a_dot_within_a_word_ends_nothing() -> None:
    """3.50 and example.com are not torn where a word ends later."""
    parts = split("costs 3.50 at shop.example.com today " * 100)

    assert {"costs", "3.50", "at", "shop.example.com", "today"} == {w for p in parts for w in p.split()}


def test_without_sentences_a_part_ends_at_a_word() -> None:
    """No sentence within the limit: the last whole word ends the part."""
    parts = split("abcdefgh " * 500)

    assert {"abcdefgh"} == {word for part in parts for word in part.split()}


def test_a_sentence_that_fills_the_part_exactly_is_kept_whole() -> None:
    """The mark may be the 1,500th unit: the blank after it need not fit."""
    first = "Hi. " + "a" * 1495 + "."

    assert (first, "Next.") == split(f"{first} Next.")


@pytest.mark.parametrize("grapheme", [FAMILY, TONE, FLAG, ACCENTED, "각", "ก็", "👩🏾\u200d🚀", "☺\ufe0f"])
def test_without_words_a_part_ends_between_graphemes(grapheme: str) -> None:
    """What is drawn as one sign stays in one part."""
    parts = split("x" + grapheme * 1000)

    assert all(part.removeprefix("x").removesuffix(ELLIPSIS).replace(grapheme, "") == "" for part in parts)


def test_five_parts_at_most() -> None:
    """What does not fit into five parts is cut at a sentence, with an ellipsis to say so."""
    parts = split(SENTENCE * 400)

    assert len(parts) == PARTS_MAX
    assert parts[-1].endswith("morning." + ELLIPSIS)
    assert all(ELLIPSIS not in part for part in parts[:-1])


def test_a_pile_of_accents_is_cut_all_the_same() -> None:
    """A single sign longer than a part does not stop the splitting."""
    assert PARTS_MAX == len(split("a" + "\u0301" * 10_000))


def test_a_lone_surrogate_does_not_reach_the_wire() -> None:
    """Half a pair becomes a replacement character, a whole pair written as halves becomes whole."""
    assert ("a\ufffdb👋",) == split("a\ud83db\ud83d\udc4b")


@given(st.one_of(long_texts, st.text(max_size=5000), st.integers(0, 9000).map(lambda n: "ab. " * n)))
def test_the_promises_of_a_split(text: str) -> None:
    """Parts fit, are not blank, can be sent, and hold the words in order and complete unless cut."""
    parts = split(text)

    assert len(parts) <= PARTS_MAX
    assert all(0 < units(part) <= PART_UNITS_MAX for part in parts)
    assert all(part == part.strip() for part in parts)
    assert all(len(part.encode("utf-16-le")) == 2 * units(part) for part in parts)
    kept, whole = (
        _letters("".join(parts)),
        _letters(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")),
    )
    assert kept == whole or (len(parts) == PARTS_MAX and whole.startswith(kept.removesuffix(ELLIPSIS)))


def _letters(text: str) -> str:
    return "".join(text.split())
