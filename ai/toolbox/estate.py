"""An estate agency's listings: a list for trying out, in English and Arabic, that lies beside this file."""

from __future__ import annotations

import functools
import json
import unicodedata
from pathlib import Path
from typing import Any

MATCHES_MAX = 3
# A listing a little over the budget is worth a word: asking prices move.
OVER_BUDGET = 1.05
# Words for places that customers write otherwise than the list does.
_PLACES = {"nyc": "new york", "jvc": "jumeirah village circle", "uae": "", "usa": "", "الامارات": ""}


def find_properties(
    location: str = "",
    budget: float | None = None,
    currency: str = "",
    property_type: str = "",
    bedrooms: int | None = None,
) -> str:
    """Properties for sale that fit, the cheapest first, at most three, as JSON.

    ``location``: a city or a part of one, in English or Arabic. ``budget``: the most to be paid, in ``currency``
    (USD, AED or EUR; without one each listing's own). ``bedrooms``: that many; a studio has 0. What is not given
    is not looked at.
    """
    rates, listings = _listed()
    code = currency.strip().upper()
    if budget is not None and code and code not in rates:
        return _json({"matches": [], "problem": f"Prices are in {', '.join(rates)}: ask for one of these."})
    fitting = [
        listing
        for listing in _at(listings, location)
        if _folded(property_type) in ("", "unknown", "any", listing["property_type"])
        and bedrooms in (None, listing["bedrooms"])
    ]
    affordable = [listing for listing in fitting if _price(listing, code, rates) <= _most(budget)]
    affordable.sort(key=lambda listing: _price(listing, "AED", rates))
    matches = [_shown(listing, code, rates) for listing in affordable[:MATCHES_MAX]]
    result: dict[str, Any] = {"found": len(affordable), "matches": matches}
    if not affordable and fitting:
        cheapest = min(fitting, key=lambda listing: _price(listing, "AED", rates))
        result["cheapest_over_budget"] = _shown(cheapest, code, rates)
    return _json(result)


@functools.cache
def _listed() -> tuple[dict[str, float], tuple[dict[str, Any], ...]]:
    """What a unit of each currency is in AED, for comparing alone, and the listings."""
    data = json.loads(Path(__file__).with_name("estate.json").read_text(encoding="utf-8"))
    return data["aed"], tuple(data["listings"])


def _most(budget: float | None) -> float:
    return float("inf") if budget is None else budget * OVER_BUDGET


def _price(listing: dict[str, Any], code: str, rates: dict[str, float]) -> float:
    """The price in the currency ``code``; in the listing's own without one."""
    own = listing["currency"]
    price: float = listing["price"]
    return price * rates[own] / rates[code or own] if code in rates else price


def _at(listings: tuple[dict[str, Any], ...], location: str) -> list[dict[str, Any]]:
    """The listings of a place that was named: of that area, else of that city, else where a word of it fits."""
    words = _folded(location).split()
    wanted = " ".join(_PLACES.get(word, word) for word in words).strip()
    if not wanted:
        return list(listings)
    # Without blanks: Arabic writes "in" and the name as one word, and some names as one or two.
    joined = wanted.replace(" ", "")
    for keys in (("area", "area_ar"), ("city", "city_ar")):
        found = [
            place for place in listings if any(_folded(place[k]).replace(" ", "") in joined for k in keys)
        ]
        if found:
            return found
    return [
        place
        for place in listings
        if f" {wanted} " in f" {_folded(place['area'])} {_folded(place['area_ar'])} "
    ]


def _folded(text: str) -> str:
    """Small letters without marks; Arabic without the differences of its alifs; words parted by one blank."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    for alif in "أإآٱ":
        plain = plain.replace(alif, "ا")
    letters = "".join(c if c.isalnum() else " " for c in plain.casefold())
    return " ".join(letters.split())


def _shown(listing: dict[str, Any], code: str, rates: dict[str, float]) -> dict[str, Any]:
    """What the model is told of a listing; a price in another currency than its own is a rounded one."""
    shown = {
        key: listing[key]
        for key in (
            "id",
            "name",
            "name_ar",
            "city",
            "area",
            "property_type",
            "bedrooms",
            "bathrooms",
            "square_feet",
        )
    }
    shown["price"] = f"{listing['price']:,} {listing['currency']}"
    if code in rates and code != listing["currency"]:
        shown["price_about"] = f"{round(_price(listing, code, rates), -3):,.0f} {code}"
    return shown


def _json(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)
