"""The local Twilio's REST API, over HTTP and through Twilio's own library."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from tests.flow.local_twilio import (
    AC,
    CUSTOMER,
    OURS,
    SCHEMAS,
    TOKEN,
    Simulator,
)

# The REST API


def test_create_fetch_delete(twilio: Simulator) -> None:
    """Twilio's own client creates, fetches, redacts and deletes a message."""
    created = twilio.client.messages.create(to=CUSTOMER, from_=OURS, body="hi €")
    assert ("queued", "outbound-api", "1", None) == (
        created.status,
        created.direction,
        created.num_segments,
        created.price,
    )
    settled = twilio.settled(created.sid)
    assert ("delivered", "hi €") == (settled.status, settled.body)

    assert "" == settled.update(body="").body
    assert settled.delete()
    with pytest.raises(TwilioRestException) as caught:
        settled.fetch()
    assert (404, 20404) == (caught.value.status, caught.value.code)


def test_shapes_are_twilios(twilio: Simulator) -> None:
    """The answers fit Twilio's OpenAPI description to the last field."""
    created = twilio.create(Body="x" * 200)
    twilio.control("inbound", {"from": CUSTOMER, "body": "hi"})
    listed = requests.get(twilio.messages_url, auth=(AC, TOKEN), timeout=5)

    jsonschema.validate(created.json(), {"$ref": "#/$defs/message", **SCHEMAS})
    jsonschema.validate(listed.json(), {"$ref": "#/$defs/list", **SCHEMAS})
    assert (201, "2") == (created.status_code, created.json()["num_segments"])
    assert "RQ" + created.json()["sid"][2:] == created.headers["Twilio-Request-Id"]


REFUSALS = [
    ({"To": ""}, 21201),
    ({"To": "12"}, 21211),
    ({"To": "+15005550001"}, 21211),
    ({"To": "+15005550002"}, 21612),
    ({"To": "+15005550003"}, 21408),
    ({"To": "+15005550004"}, 21610),
    ({"To": "+15005550009"}, 21614),
    ({"From": "+15005550001"}, 21212),
    ({"From": "+15005550007"}, 21606),
    ({"From": "+15005550008"}, 21611),
    ({"From": ""}, 21603),
    ({"From": "Ringback!"}, 21212),
    ({"From": "+14155550199"}, 21606),
    ({"From": f"whatsapp:{OURS}"}, 21910),
    ({"From": "whatsapp:+14155550199", "To": f"whatsapp:{CUSTOMER}"}, 63007),
    ({"Body": ""}, 21602),
    ({"Body": "x" * 1601}, 21617),
    ({"Body": "👋" * 801}, 21617),
    ({"StatusCallback": "/status"}, 21609),
    ({"From": "", "MessagingServiceSid": "MG" + "0" * 32}, 21701),
]


@pytest.mark.parametrize(("fields", "code"), REFUSALS)
def test_refusals(twilio: Simulator, fields: dict[str, str], code: int) -> None:
    """What Twilio would not send is refused with its code and its error body, and leaves no message."""
    response = twilio.create(**fields)

    assert (400, code) == (response.status_code, response.json()["code"])
    assert {"code", "message", "more_info", "status"} == set(response.json())
    assert [] == twilio.client.messages.list()


LOGINS = [
    ((AC, "wrong"), 401),
    (("SK1", "wrong"), 401),
    (None, 401),
    (("SK1", "secret"), 200),
    ((AC, TOKEN), 200),
]


@pytest.mark.parametrize(("login", "status"), LOGINS)
def test_authentication(twilio: Simulator, login: tuple[str, str] | None, status: int) -> None:
    """Only the account's token and its API key open the API; all else is 20003."""
    response = requests.get(twilio.messages_url, auth=login, timeout=5)

    assert status == response.status_code
    assert (20003 if status == 401 else None) == response.json().get("code")


def test_list_filters(twilio: Simulator) -> None:
    """To, From and the DateSent filters name exactly the messages Twilio would list, newest first."""
    sids = [twilio.create(To=to).json()["sid"] for to in (CUSTOMER, "+1987654321", CUSTOMER)]
    sent = [twilio.settled(sid).date_sent for sid in sids]
    messages = twilio.client.messages

    assert [sids[2], sids[0]] == [m.sid for m in messages.list(to=CUSTOMER, from_=OURS)]
    assert 3 == len(messages.list(date_sent_after=sent[0])) and 3 == len(
        messages.list(date_sent=sent[0].date())
    )
    assert [] == messages.list(date_sent_before=sent[0].replace(year=2020))
    assert [] == messages.list(from_=CUSTOMER)


def test_pages(twilio: Simulator) -> None:
    """The pages of a list hold every message once, though a new one comes in between."""
    sids = [twilio.create().json()["sid"] for _ in range(5)]
    found: list[str] = []
    page = twilio.client.messages.page(page_size=2, to=CUSTOMER)
    while page is not None:
        found += [message.sid for message in page]
        twilio.create()
        page = twilio.client.messages.get_page(page.next_page_url) if page.next_page_url else None

    assert sids[::-1] == found


def test_account_and_unknown(twilio: Simulator) -> None:
    """The account and its numbers can be looked up; what is not there is 20404 in Twilio's form."""
    account = twilio.client.api.v2010.accounts(AC)
    with pytest.raises(TwilioRestException) as caught:
        twilio.client.calls("CA" + "0" * 32).fetch()

    assert (AC, "active") == (account.fetch().sid, account.fetch().status)
    assert [OURS] == [n.phone_number for n in account.incoming_phone_numbers.list(phone_number=OURS)]
    assert (404, 20404) == (caught.value.status, caught.value.code)


BAD_INBOUND = [
    {},
    {"from": "12", "body": "hi"},
    {"from": CUSTOMER, "body": 1},
    {"from": CUSTOMER, "body": "hi", "to": "+14155550199"},
    {"from": CUSTOMER, "body": "hi", "channel": "pigeon"},
    {"from": CUSTOMER, "body": "hi", "media": ["x"]},
    {"from": CUSTOMER, "body": "hi", "extra": "x"},
]


@pytest.mark.parametrize("given", BAD_INBOUND)
def test_bad_inbound(twilio: Simulator, given: dict[str, Any]) -> None:
    """A customer that cannot exist sends nothing, and the answer says why."""
    response = requests.post(f"{twilio.origin}/_control/inbound", json=given, timeout=5)

    assert (400, "bad_request") == (response.status_code, response.json()["error"]["code"])
    assert twilio.web.received.empty()
