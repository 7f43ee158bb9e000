"""Reading the business hours of an agent's file."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import pairwise
from typing import get_args

from config.agent import AfterHours, Hours
from config.agent_table import Table
from config.zones import zone_fault

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOLIDAYS_MAX = 400
DAY_MINUTES = 24 * 60

_SPAN = re.compile(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)", re.ASCII)


def read_hours(table: Table | None) -> Hours | None:
    """[hours] with [hours.week]; a day that is not named is closed."""
    if table is None:
        return None
    table.only("zone", "week", "holidays", "after_hours")
    zone = table.text("zone", required=True)
    if zone and (fault := zone_fault(zone)):
        table.fault(fault, "zone")
    after_hours = table.text("after_hours") or "answer"
    choices: tuple[AfterHours, ...] = get_args(AfterHours)
    if after_hours not in choices:
        table.fault(f"after_hours must be one of {', '.join(choices)}.", "after_hours")
    chosen = next((choice for choice in choices if choice == after_hours), choices[0])
    return Hours(zone, _week(table), _holidays(table), chosen)


def _week(table: Table) -> tuple[tuple[tuple[int, int], ...], ...]:
    week = table.table("week", "hours.week")
    if week is None:
        if "week" not in table:
            table.fault('week is missing; write [hours.week] with lines like monday = ["09:00-17:00"].')
        return ((),) * 7
    week.only(*DAYS)
    days = tuple(_spans(week, day) for day in DAYS)
    if not any(days) and not any(day in week for day in DAYS):
        week.fault('it names no day; write lines like monday = ["09:00-17:00"].')
    return days


def _spans(week: Table, day: str) -> tuple[tuple[int, int], ...]:
    """One day's spans in order; between two of them there is a break of at least a minute."""
    texts = week.texts(day, _minutes, 'a list of times like ["09:00-12:30", "13:30-17:00"], up to 24:00.')
    spans = tuple(span for text in texts if (span := _minutes(text)))
    for place, (before, after) in enumerate(pairwise(spans), 1):
        if after[0] <= before[1]:
            week.fault(
                f"{day} has times that overlap or are out of order; write them in order.", f"{day}.{place}"
            )
    return spans


def _minutes(text: str) -> tuple[int, int] | None:
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    hours_open, minutes_open, hours_closed, minutes_closed = map(int, match.groups())
    opens, closes = hours_open * 60 + minutes_open, hours_closed * 60 + minutes_closed
    if minutes_open > 59 or minutes_closed > 59 or not 0 <= opens < closes <= DAY_MINUTES:
        return None
    return opens, closes


def _holidays(table: Table) -> frozenset[date]:
    value = table.values.get("holidays", [])
    sentence = 'holidays must be a list of dates like ["2026-12-25"].'
    if not isinstance(value, list):
        table.fault(sentence, "holidays")
        return frozenset()
    if len(value) > HOLIDAYS_MAX:
        table.fault(f"holidays has {len(value)} dates; have at most {HOLIDAYS_MAX}.", "holidays")
    days = set()
    for place, item in enumerate(value):
        day = _day(item)
        if day is None:
            table.fault(sentence, f"holidays.{place}")
        else:
            days.add(day)
    return frozenset(days)


def _day(value: object) -> date | None:
    """A date of TOML's own, or as text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
