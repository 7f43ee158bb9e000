"""Business hours: zones, holidays, spans past midnight, clocks that change, and the words for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import zones
from config.agent import LANGUAGES, Hours
from session.hours import is_open, next_opening, opens_words

NINE_TO_FIVE = ((9 * 60, 17 * 60),)
WEEKDAYS = (NINE_TO_FIVE,) * 5 + ((), ())
BERLIN = Hours("Europe/Berlin", WEEKDAYS, frozenset({date(2026, 12, 25), date(2027, 1, 1)}))
NEVER = Hours("Europe/Berlin", ((),) * 7)


def ms(zone: str, *when: int) -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc]


def berlin(*when: int) -> int:
    return ms("Europe/Berlin", *when)


@pytest.mark.parametrize(
    ("when", "open_"),
    [
        ((2026, 11, 20, 9, 0), True),  # a Friday
        ((2026, 11, 20, 8, 59), False),
        ((2026, 11, 20, 16, 59), True),
        ((2026, 11, 20, 17, 0), False),
        ((2026, 11, 21, 12, 0), False),
        ((2026, 12, 25, 12, 0), False),
        ((2026, 12, 24, 12, 0), True),
        ((2026, 7, 3, 9, 0), True),  # summer time
    ],
)
def test_open_from_the_first_minute_to_before_the_last(when: tuple[int, ...], open_: bool) -> None:
    """The agent's own clock counts, its weekends and holidays too."""
    assert open_ == is_open(BERLIN, berlin(*when))


def test_the_zone_of_the_agent_counts() -> None:
    """The same moment is open in one zone and closed in another."""
    now = ms("UTC", 2026, 11, 20, 8, 30)

    assert is_open(BERLIN, now)
    assert not is_open(Hours("America/New_York", WEEKDAYS), now)
    assert is_open(Hours("Asia/Dubai", WEEKDAYS), now)


@pytest.mark.parametrize(
    "span", [(22 * 60, 2 * 60), (22 * 60, 26 * 60)], ids=["ends before it begins", "ends after 24:00"]
)
def test_a_span_may_run_past_midnight(span: tuple[int, int]) -> None:
    """Friday's late hours last into Saturday, on which nothing begins."""
    bar = Hours("Europe/Berlin", ((), (), (), (), (span,), (), ()))

    assert is_open(bar, berlin(2026, 11, 20, 23, 0))
    assert is_open(bar, berlin(2026, 11, 21, 1, 59))
    assert not is_open(bar, berlin(2026, 11, 21, 2, 0))
    assert not is_open(bar, berlin(2026, 11, 20, 1, 0))


def test_round_the_clock_is_never_closed() -> None:
    """Midnight to midnight every day leaves no gap, not where clocks change either."""
    always = Hours("Europe/Berlin", (((0, 1440),),) * 7)
    start = datetime(2026, 10, 24, tzinfo=UTC)

    assert all(
        is_open(always, int((start + timedelta(minutes=7 * n)).timestamp() * 1000)) for n in range(600)
    )


@pytest.mark.parametrize(
    ("when", "opens"),
    [
        ((2026, 11, 20, 8, 0), (2026, 11, 20, 9, 0)),
        ((2026, 11, 20, 17, 0), (2026, 11, 23, 9, 0)),
        ((2026, 12, 24, 18, 0), (2026, 12, 28, 9, 0)),
        ((2026, 12, 31, 18, 0), (2027, 1, 4, 9, 0)),
        ((2026, 3, 29, 12, 0), (2026, 3, 30, 9, 0)),  # the night before lost an hour
    ],
)
def test_the_next_opening_skips_weekends_and_holidays(when: tuple[int, ...], opens: tuple[int, ...]) -> None:
    """The next beginning is told in the agent's zone."""
    found = next_opening(BERLIN, berlin(*when))

    assert found == datetime(*opens, tzinfo=ZoneInfo("Europe/Berlin"))  # type: ignore[misc]
    assert found is not None
    assert opens[3] == found.hour


def test_an_opening_in_the_lost_hour_is_the_hour_after() -> None:
    """02:30 does not exist on the night clocks go forward: what opens then opens at 03:30."""
    night = Hours("Europe/Berlin", (((150, 300),),) * 7)

    found = next_opening(night, berlin(2026, 3, 29, 0, 0))

    assert found is not None
    assert (found.hour, found.minute) == (3, 30)


def test_without_openings_none_is_in_sight() -> None:
    """Hours that never open are no endless search, and have words too."""
    assert not is_open(NEVER, berlin(2026, 11, 20, 12, 0))
    assert next_opening(NEVER, berlin(2026, 11, 20, 12, 0)) is None
    assert opens_words(NEVER, berlin(2026, 11, 20, 12, 0), "de") == "später"


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_at_the_next_opening_it_is_open(now_ms: int) -> None:
    """Whatever the moment: it opens later than now, and is open then and not a millisecond before."""
    opens = next_opening(BERLIN, now_ms)

    assert opens is not None
    at = int(opens.timestamp() * 1000)
    assert at > now_ms
    assert is_open(BERLIN, at)
    assert not is_open(BERLIN, at - 1)


@pytest.mark.parametrize(
    ("language", "today", "tomorrow", "weekday", "far"),
    [
        ("en", "today at 9 am", "tomorrow at 2:30 pm", "on Saturday at 9 am", "on December 1 at 12 pm"),
        (
            "es",
            "hoy a las 9:00",
            "mañana a las 14:30",
            "el sábado a las 9:00",
            "el 1 de diciembre a las 12:00",
        ),
        ("ar", "اليوم الساعة 9:00", "غدا الساعة 14:30", "يوم السبت الساعة 9:00", "يوم 1 ديسمبر الساعة 12:00"),
        ("fr", "aujourd'hui à 9 h", "demain à 14 h 30", "samedi à 9 h", "le 1er décembre à 12 h"),
        ("de", "heute um 9 Uhr", "morgen um 14:30 Uhr", "am Samstag um 9 Uhr", "am 1. Dezember um 12 Uhr"),
        ("pt-BR", "hoje às 9h", "amanhã às 14h30", "no sábado às 9h", "em 1 de dezembro às 12h"),
        ("zh", "today at 9 am", "tomorrow at 2:30 pm", "on Saturday at 9 am", "on December 1 at 12 pm"),
    ],
)
def test_the_opening_is_told_in_the_customers_language(
    language: str, today: str, tomorrow: str, weekday: str, far: str
) -> None:
    """Today and tomorrow, then the weekday, then the date; as it stands within a sentence."""
    friday = berlin(2026, 11, 20, 6, 0)

    def words(day: int, minutes: int, now: int = friday) -> str:
        week = [()] * 7
        week[day] = ((minutes, minutes + 30),)  # type: ignore[call-overload]
        return opens_words(Hours("Europe/Berlin", tuple(week)), now, language)

    assert today == words(4, 540)
    assert tomorrow == words(5, 870)
    assert weekday == opens_words(
        Hours("Europe/Berlin", ((),) * 5 + (((540, 600),), ())), berlin(2026, 11, 18, 6, 0), language
    )
    tuesdays = Hours("Europe/Berlin", ((), ((720, 780),), *((),) * 5), frozenset({date(2026, 11, 24)}))
    assert far == opens_words(tuesdays, friday, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_o_clock_has_words_in_every_language(language: str) -> None:
    """The singular hour of Spanish and Portuguese is no plural."""
    said = opens_words(Hours("UTC", (((60, 120),),) * 7), ms("UTC", 2026, 11, 20, 0, 0), language)

    assert "1" in said
    assert "las 1" not in said
    assert "às 1" not in said


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
def test_a_zone_of_the_tz_database_is_no_fault(name: str) -> None:
    """Names as the tz database has them are taken."""
    assert zones.zone_fault(name) == ""


@pytest.mark.parametrize(
    "name", ["", "Berlin", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\x00", "CET+1h"]
)
def test_an_unknown_zone_is_told_with_an_example(name: str) -> None:
    """A misspelt name, a folder and a path are faults that say what to write."""
    assert 'like "Europe/Berlin"' in zones.zone_fault(name)


def test_a_machine_without_zone_data_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no zone can be read the fault names the package, not the zone."""
    monkeypatch.setattr(zones, "_readable", lambda name: False)

    assert "install the Python package tzdata" in zones.zone_fault("Europe/Berlin")
