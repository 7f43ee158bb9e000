"""Numbers, money, dates and ordered items, as the stand-in model reads them in six languages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai import standin_numbers as numbers

FRIDAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("words", "amount", "currency"),
    [
        ("my budget is 500k USD", 500_000, "USD"),
        ("$500,000", 500_000, "USD"),
        ("USD 500k", 500_000, "USD"),
        ("1.5 million AED", 1_500_000, "AED"),
        ("500 ألف دولار", 500_000, "USD"),
        ("مليون... 2 مليون درهم", 2_000_000, "AED"),
        ("unos 250 mil euros", 250_000, "EUR"),
        ("300.000 €", 300_000, "EUR"),
        ("2 bedrooms for 500000 dollars", 500_000, "USD"),
        ("12,50 EUR", 12.5, "EUR"),
        ("500k", 500_000, ""),
    ],
)
def test_money(words: str, amount: float, currency: str) -> None:
    """A sum is read with its thousands and its currency; a currency that is not told is not made up."""
    assert numbers.money(words) == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("words", ["2 bedrooms", "order 12345", "call 5551234", "", "dollars"])
def test_no_money(words: str) -> None:
    """A figure without a currency or thousands is no sum."""
    assert numbers.money(words) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2026-12-01", "2026-12-01"),
        ("tomorrow at 9", "2026-11-21"),
        ("heute", "2026-11-20"),
        ("mañana", "2026-11-21"),
        ("por la mañana", ""),
        ("on Monday", "2026-11-23"),
        ("next Friday", "2026-11-27"),
        ("am 3. Dezember", "2026-12-03"),
        ("el 3 de diciembre", "2026-12-03"),
        ("3 January", "2027-01-03"),
        ("Feb 30", ""),
        ("2026-13-01", ""),
        ("يوم الأحد", "2026-11-22"),
        ("some day", ""),
    ],
)
def test_day(words: str, expected: str) -> None:
    """A day is worked out from today, the next one of its name; what is no day is none."""
    assert numbers.day(words, FRIDAY) == expected


def test_a_day_needs_today() -> None:
    """Without today's date nothing relative is guessed."""
    assert numbers.day("tomorrow", None) == numbers.day("3 December", None) == ""


def item(name: str, quantity: int, price: float | None = None) -> dict[str, Any]:
    return {"name": name, "quantity": quantity, "price": price}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("two large pizzas at 12.50 and a cola for 3", [item("large pizzas", 2, 12.5), item("cola", 1, 3)]),
        ("Hi, I'd like a large pizza at 9.99 please", [item("large pizza", 1, 9.99)]),
        (
            "dos pizzas grandes a 12,50 y una cola por 3",
            [item("pizzas grandes", 2, 12.5), item("cola", 1, 3)],
        ),
        ("zwei Pizzen zu 9,50 und eine Cola", [item("Pizzen", 2, 9.5), item("Cola", 1)]),
        ("two colas for 6", [item("colas", 2, 3)]),
        ("two colas for 6 each", [item("colas", 2, 6)]),
        ("2x tea, 1 cake", [item("tea", 2), item("cake", 1)]),
        ("3 tiramisu at 4,50 pls", [item("tiramisu", 3, 4.5)]),
        ("1 calzone 11.50", [item("calzone", 1, 11.5)]),
        ("they are 9.50 each", []),
        ("I have a question", []),
        ("Hello, what can I order?", []),
        ("order 12345", []),
        ("I need a person", []),
    ],
)
def test_items(words: str, expected: list[dict[str, Any]]) -> None:
    """What is ordered is read with how many and the price of one; a price that nobody told is none."""
    assert numbers.items(words) == expected


def test_total() -> None:
    """A total is the sum of what is known, and none while a price is missing."""
    assert numbers.total(numbers.items("two large pizzas at 12.50 and a cola for 3")) == 28
    assert numbers.total(numbers.items("two pizzas at 12.50 and a cola")) is None
    assert numbers.total([]) is None


@settings(deadline=None)  # a busy machine is no fault of the rules
@given(st.text(max_size=300))
def test_any_text(words: str) -> None:
    """No text breaks a reader."""
    numbers.money(words, bare=True)
    numbers.day(words, FRIDAY)
    numbers.total(numbers.items(words))
