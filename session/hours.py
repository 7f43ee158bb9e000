"""When people are there: an agent's hours in its own time zone. Pure: hours and ``now`` (ms) in, answers out.

A span that ends at or before its beginning runs past midnight. A holiday closes the spans that begin on its day.
Where clocks go back, a time that comes twice means the first of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.agent import Hours

DAY_MINUTES = 24 * 60
# Nobody closes for longer; further openings are not looked for.
DAYS_LOOKED_AHEAD = 400

_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "ar": ("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "pt": ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
}  # fmt: skip
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_TODAY_TOMORROW = {
    "en": ("today", "tomorrow"), "es": ("hoy", "mañana"), "ar": ("اليوم", "غدا"),
    "fr": ("aujourd'hui", "demain"), "de": ("heute", "morgen"), "pt": ("hoje", "amanhã"),
}  # fmt: skip
_LATER = {
    "en": "later", "es": "más adelante", "ar": "لاحقا", "fr": "plus tard", "de": "später", "pt": "mais tarde",
}  # fmt: skip


def is_open(hours: Hours, now_ms: int) -> bool:
    """Whether somebody is there: the first minute counts, the closing minute does not."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    # A span may have begun yesterday.
    return any(opens <= now < closes for opens, closes in _spans(hours, _local(hours, now), days=2))


def next_opening(hours: Hours, now_ms: int) -> datetime | None:
    """The next moment after ``now`` at which a span begins, in the agent's zone; None: none in sight."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    spans = _spans(hours, _local(hours, now), days=DAYS_LOOKED_AHEAD)
    opens = next((opens for opens, closes in spans if now < opens < closes), None)
    return opens.astimezone(ZoneInfo(hours.zone)) if opens else None


def opens_words(hours: Hours, now_ms: int, language: str) -> str:
    """The next opening as it stands within a sentence: "tomorrow at 9 am"; a language we lack is English.

    Today and tomorrow are the agent's, as is the time: its notices speak of its place.
    """
    code = language.lower().partition("-")[0]
    code = code if code in _WEEKDAYS else "en"
    opens = next_opening(hours, now_ms)
    if opens is None:
        return _LATER[code]
    today = _local(hours, datetime.fromtimestamp(now_ms / 1000, UTC))
    return _day_words(code, today, opens.date()) + " " + _TIME_WORDS[code](opens.hour, opens.minute)


def _spans(hours: Hours, today: date, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Each span from yesterday on as two moments in UTC, in the order of its days."""
    zone = ZoneInfo(hours.zone)
    for offset in range(-1, days):
        day = today + timedelta(days=offset)
        if day in hours.holidays:
            continue
        for opens, closes in hours.week[day.weekday()]:
            end = closes if closes > opens else closes + DAY_MINUTES
            yield _moment(day, opens, zone), _moment(day, end, zone)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The wall clock's time in UTC: in UTC, because Python compares two times of one zone by the clock alone."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _local(hours: Hours, now: datetime) -> date:
    return now.astimezone(ZoneInfo(hours.zone)).date()


def _day_words(code: str, today: date, day: date) -> str:
    ahead = (day - today).days
    if ahead < 2:
        return _TODAY_TOMORROW[code][max(ahead, 0)]
    weekday = _WEEKDAYS[code][day.weekday()]
    if ahead < 7:
        in_ = {"en": "on ", "es": "el ", "ar": "يوم ", "fr": "", "de": "am ", "pt": "na "}[code]
        # Saturday and Sunday are the masculine days of the Portuguese week.
        return ("no " if code == "pt" and day.weekday() > 4 else in_) + weekday
    month = _MONTHS[code].split()[day.month - 1]
    return {
        "en": f"on {month} {day.day}",
        "es": f"el {day.day} de {month}",
        "ar": f"يوم {day.day} {month}",
        "fr": f"le {'1er' if day.day == 1 else day.day} {month}",
        "de": f"am {day.day}. {month}",
        "pt": f"em {day.day} de {month}",
    }[code]


def _english(hour: int, minute: int) -> str:
    clock = f"{hour % 12 or 12}" + (f":{minute:02}" if minute else "")
    return f"at {clock} {'am' if hour < 12 else 'pm'}"


def _spanish(hour: int, minute: int) -> str:
    return f"a la{'' if hour == 1 else 's'} {hour}:{minute:02}"


def _arabic(hour: int, minute: int) -> str:
    return f"الساعة {hour}:{minute:02}"


def _french(hour: int, minute: int) -> str:
    return f"à {hour} h" + (f" {minute:02}" if minute else "")


def _german(hour: int, minute: int) -> str:
    return f"um {hour}" + (f":{minute:02}" if minute else "") + " Uhr"


def _portuguese(hour: int, minute: int) -> str:
    return f"à{'' if hour == 1 else 's'} {hour}h" + (f"{minute:02}" if minute else "")


_TIME_WORDS: dict[str, Callable[[int, int], str]] = {
    "en": _english, "es": _spanish, "ar": _arabic, "fr": _french, "de": _german, "pt": _portuguese,
}  # fmt: skip
