"""The kinds of value a setting can have: each reads a text and says in a sentence what is wrong with it.

No sentence repeats the value, because the value may be a secret.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

SECRET_LENGTH_MIN = 16

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "sentinel")


def is_e164(text: str) -> bool:
    """Whether ``text`` is exactly ``+`` and 7 to 15 ASCII digits, the first not 0."""
    return _E164.fullmatch(text) is not None


def _switch(value: Any) -> Any:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    if isinstance(value, str):
        if value.lower() not in words:
            raise ValueError("must be true or false")
        return words[value.lower()]
    return value


def _positive(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("must be a number above 0, fractions are fine")
    return value


def _or_off(value: Any) -> Any:
    return 0 if isinstance(value, str) and value.lower() in ("off", "none") else value


def _phone(value: str) -> str:
    number = value.removeprefix("whatsapp:")
    if not is_e164(number):
        raise ValueError("must be a phone number as + and 7 to 15 digits, without blanks")
    return number


def _region(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("must be a country's two letters (Great Britain's are GB)")
    return value.upper()


def _regions(value: Any) -> Any:
    if isinstance(value, str):
        names = [name.strip() for name in value.split(",") if name.strip()]
        return () if [name.lower() for name in names] == ["all"] else tuple(_region(name) for name in names)
    return value


def _split(url: str) -> SplitResult:
    """``urlsplit`` whose host and port can be read without surprises."""
    if re.search(r"[\s\x00-\x1f\\]", url):
        raise ValueError("must be a URL without blanks")
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname  # both raise on access when they cannot be read
    except ValueError:
        raise ValueError("must be a URL whose host and port can be read") from None
    return parts


def _web_url(url: str) -> SplitResult:
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL that begins with https:// or http:// and names a host")
    return parts


def _origin(value: str) -> str:
    parts = _web_url(value)
    if parts.path not in ("", "/") or "?" in value or "#" in value or "@" in parts.netloc:
        raise ValueError(
            "must be an origin alone: scheme, host and perhaps a port, without path, query or sign-in"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _endpoint(value: str) -> str:
    parts = _web_url(value)
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without query and fragment")
    return value.rstrip("/")


def _redis(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    scheme, separator, rest = url.partition("://")
    if scheme not in _REDIS_SCHEMES or not separator or not rest:
        raise ValueError("must be a Redis URL, which begins with redis:// or rediss://")
    if scheme in ("redis", "rediss"):
        parts = _split(url)
        if not parts.hostname and not parts.port:
            raise ValueError("must be a Redis URL that names a host")
        if not re.fullmatch(r"/?[0-9]*", parts.path):
            raise ValueError("must be a Redis URL that ends with the number of its database, or with nothing")
    return value


def _database(value: SecretStr) -> SecretStr:
    if not re.match(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://", value.get_secret_value()):
        raise ValueError("must be an SQLAlchemy URL")
    return value


def _strong(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SECRET_LENGTH_MIN:
        raise ValueError(f"must have {SECRET_LENGTH_MIN} characters or more")
    return value


def _printable(value: SecretStr) -> SecretStr:
    """A secret that travels in an HTTP header or is compared with one."""
    if not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
        raise ValueError("must be of printable ASCII characters without blanks")
    return value


def _keys(value: SecretStr) -> SecretStr:
    keys = [key.strip() for key in value.get_secret_value().split(",")]
    if any(len(key) < SECRET_LENGTH_MIN for key in keys if key) or not any(keys):
        raise ValueError(
            f"must be one key or several with commas between, each of {SECRET_LENGTH_MIN} characters or more"
        )
    return value


def _sid(prefix: str) -> AfterValidator:
    pattern = re.compile(prefix + r"[0-9a-fA-F]{32}")

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"must be {prefix} and 32 hexadecimal digits, as Twilio's console shows it")
        return value

    return AfterValidator(check)


def _pair(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        first, second = (float(part) for part in value.split(","))
    except ValueError:
        raise ValueError("must be two numbers with a comma between") from None
    return first, second


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if not (math.isfinite(value[1]) and 0 < value[0] <= value[1]):
        raise ValueError("must be two numbers above 0, the smaller one first")
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_switch)]
Positive = Annotated[float, AfterValidator(_positive)]
Pair = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ascending)]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, BeforeValidator(_or_off), Field(ge=0)]  # 0 or off: no limit
Phone = Annotated[str, AfterValidator(_phone)]
Region = Annotated[str, AfterValidator(_region)]
Regions = Annotated[tuple[str, ...], BeforeValidator(_regions)]
Origin = Annotated[str, AfterValidator(_origin)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
Strong = Annotated[SecretStr, AfterValidator(_strong)]
Printable = Annotated[SecretStr, AfterValidator(_printable)]
Keys = Annotated[SecretStr, AfterValidator(_keys)]
AccountSid = Annotated[str, _sid("AC")]
KeySid = Annotated[str, _sid("SK")]
ServiceSid = Annotated[str, _sid("MG")]
Word = BeforeValidator(_lower)  # before a Literal: any case is accepted
