"""What is never kept about a customer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.sensitive import sensitive, without_numbers

CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "text",
    [
        "card 4111111111111111",
        "4111-1111-1111-1111 until 12/29",
        "3782 822463 10005",
        "order 12345 4111 1111 1111 1111",
        "4111.1111.1111.1111, thanks",
        "４１１１ １１１１ １１１１ １１１１",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "IBAN DE89 3704 0044 0532 0130 00 please",
        "gb82west12345698765432",
        "my password is hunter2",
        "PIN: 1234",
        "the CVV is 123",
        "mi contraseña es gato",
        "la clave de la puerta",
        "mon mot de passe",
        "das WLAN-Passwort",
        "TAN 123456",
        "a senha é 1234",
        "كلمة السر هي قط",
        "كلمة المرور",
    ],
)
def test_secrets_are_sensitive(text: str) -> None:
    """Card and account numbers that add up, in any digits and grouping, and words for secrets in six languages."""
    assert sensitive(text)
    assert sensitive(text, health_too=False)


@pytest.mark.parametrize(
    "text",
    [
        "is allergic to nuts",
        "has diabetes",
        "is pregnant",
        "uses a wheelchair",
        "es alérgica al gluten",
        "está embarazada",
        "está enfermo",
        "est enceinte",
        "souffre d'une maladie",
        "ist schwanger",
        "hat eine Herzkrankheit",
        "nimmt Medikamente",
        "está grávida",
        "tem uma doença",
        "مريض بالسكري",
        "لديه حساسية",
    ],
)
def test_health_is_sensitive_unless_it_may_be_kept(text: str) -> None:
    """Words about health, in six languages, unless the agent's file says that they may be kept."""
    assert sensitive(text)
    assert not sensitive(text, health_too=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 12345",
        "call +1 555 123 4567 in the morning",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "tracking 1Z999AA10123456784",
        "DE88370400440532013000",
        "prefers tan shoes",
        "es tan amable",
        "spinning classes and opinions",
        "passes by on Mondays",
        "prefers mornings",
        "le gusta el té",
        "fährt einen Krankenwagen",
        "مربوط",
        "يفضل الصباح",
        "2026-11-20 10:00 and 2026-11-21 12:00",
    ],
)
def test_plain_matters_are_kept(text: str) -> None:
    """Orders, times, phone numbers and words that only sound alike are no secrets."""
    assert not sensitive(text)
    assert without_numbers(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Pay with {CARD}, please", "Pay with [removed], please"),
        (f"{CARD} or DE89 3704 0044 0532 0130 00 now", "[removed] or [removed] now"),
        ("order 12345", "order 12345"),
    ],
)
def test_numbers_are_taken_out(text: str, left: str) -> None:
    """Where a text is kept as a whole, the numbers go and the words stay."""
    assert without_numbers(text) == left


@given(st.text(st.sampled_from("0123456789 .-DEabé٣"), max_size=80))
def test_what_is_left_has_no_numbers(text: str) -> None:
    """After they are taken out there is none left to take out."""
    left = without_numbers(text)

    assert without_numbers(left) == left
