"""What a webhook's body says: read once, cleaned, kept for a person where nobody could be answered."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import fields
from ingress.fields import Malformed, Pairs
from session import records
from session.model import Channel, Keyword, MessageType

OURS = "+15550001111"
SID = "SM" + "0" * 32
TEXT = {"MessageSid": SID, "From": "+15551234567", "To": OURS, "Body": "hi"}


def read(*more: tuple[str, str], **changes: str) -> fields.Inbound:
    return fields.inbound([*(TEXT | changes).items(), *more], (OURS,))


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=&b&=c", [("a", ""), ("b", ""), ("", "c")]),
        (b"a=+x+%2B%20", [("a", " x + ")]),
        (b"a=%0D%0A%00", [("a", "\r\n\x00")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=%C3%A9%F0%9F%91%8B", [("a", "é👋")]),
        (b"a=%zz%4", [("a", "%zz%4")]),
        (b"a=%FF%FE", [("a", "\ufffd\ufffd")]),
        (b"a=\xff", [("a", "\ufffd")]),
        (b"&&a=1&", [("a", "1")]),
        (b"\xff\xfe=1", [("\ufffd\ufffd", "1")]),
    ],
)
def test_a_form_is_read_without_loss(body: bytes, pairs: Pairs) -> None:
    """Blanks, repeats and their order are kept; what is no UTF-8 becomes replacement characters."""
    assert fields.parse(body) == pairs


@given(st.lists(st.tuples(st.text(), st.text()).filter(lambda pair: pair != ("", ""))))
def test_what_was_written_is_read(pairs: Pairs) -> None:
    """Any form that a client can write comes back as it was."""
    assert fields.parse(urlencode(pairs).encode()) == pairs


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reading(body: bytes) -> None:
    """Whatever arrives, there is a first reading, and each of them is text."""
    found = list(fields.readings(body))

    assert found[0] == fields.parse(body)
    assert all(isinstance(text, str) for pairs in found for pair in pairs for text in pair)


def test_half_characters_may_be_signed_as_they_are() -> None:
    """A sender that writes a lone surrogate may have signed its bytes, or what stands in their place."""
    assert list(fields.readings(b"a=%ED%A0%80")) == [[("a", "\ufffd" * 3)], [("a", "\udced\udca0\udc80")]]


REFUSED = {
    "missing_field": [("MessageSid", ""), ("MessageSid", "  "), ("From", ""), ("From", "\t"), ("To", "")],
    "malformed_sid": [
        ("MessageSid", sid)
        for sid in ("x", "SM", SID + "0", SID[:-1], SID.lower(), "SM" + "A" * 32, SID + "\n", " " + SID, "CA" + "0" * 32)
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name", "value"), [(c, *pair) for c, pairs in REFUSED.items() for pair in pairs]
)
def test_what_cannot_be_told_apart_is_refused(code: str, name: str, value: str) -> None:
    """Without a usable SID, From or To there is no message; the sentence does not repeat what was sent."""
    with pytest.raises(Malformed) as refusal:
        read(**{name: value})

    assert refusal.value.code == code
    assert len(value) < 5 or value not in str(refusal.value)


def test_a_sid_counts_once() -> None:
    """The same SID twice is one; two SIDs are none."""
    assert read(("MessageSid", SID)).message.twilio_sid == SID
    with pytest.raises(Malformed, match="twice"):
        read(("MessageSid", "SM" + "1" * 32))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"From": "whatsapp:+15551234567", "To": f"whatsapp:{OURS}"}, ""),
        ({"From": "whatsapp:US.134912"}, ""),
        ({"To": "+15559999999"}, ""),
        ({"From": OURS}, "own_number"),
        ({"From": f"whatsapp:{OURS}"}, "own_number"),
        ({"From": "+15559999999", "To": "+15559999999"}, "own_number"),
        ({"From": "12345"}, "not_an_address"),
        ({"From": "Bank"}, "not_an_address"),
        ({"From": "+266696687"}, "not_an_address"),
        ({"From": "0044 20 7946 0000"}, "not_an_address"),
        ({"From": "whatsapp:"}, "not_an_address"),
        ({"From": "+1" + "5" * 15}, "not_an_address"),
        ({"To": "12345"}, "not_our_number"),
        ({"To": "whatsapp:US.134912"}, "not_our_number"),
        ({"To": "nobody"}, "not_our_number"),
    ],
)  # fmt: skip
def test_who_could_not_be_answered_is_kept_for_a_person(changes: dict[str, str], reason: str) -> None:
    """A sender nobody can text, a recipient that is no number, ourselves: kept, with the reason."""
    assert read(**changes).bury == reason


@pytest.mark.parametrize("name", fields.ONCE)
def test_a_field_given_twice_is_for_a_person(name: str) -> None:
    """Row 36: of two different values nobody knows which is meant; twice the same is no doubt."""
    value = {**TEXT, "AccountSid": "AC1", "NumMedia": "0"}[name]

    assert read((name, value), (name, value)).bury == ""
    assert read((name, value), (name, value + "x")).bury == "repeated_field"


@pytest.mark.parametrize(
    ("count", "kinds", "message_type"),
    [
        ("0", ["image/png"], MessageType.TEXT),
        ("1", ["image/png"], MessageType.IMAGE),
        ("2", ["audio/ogg", "image/png"], MessageType.AUDIO),
        ("1", ["application/pdf"], MessageType.DOCUMENT),
        ("1", ["text/html"], MessageType.DOCUMENT),
        ("1", [""], MessageType.DOCUMENT),
        ("10", ["image/png"] * 10, MessageType.IMAGE),
        ("3", ["image/png"], MessageType.IMAGE),
        ("11", ["image/png"] * 11, MessageType.TEXT),
        *((odd, ["image/png"], MessageType.TEXT) for odd in ("99", "-1", "1e9", "abc", "", "１", "1.0", "9" * 5000)),
    ],
)  # fmt: skip
def test_media_are_what_is_there(count: str, kinds: list[str], message_type: MessageType) -> None:
    """Row 58: as many as NumMedia says and the form holds; an odd count is none."""
    media = [(f"MediaUrl{i}", f"https://api.twilio.com/{i}") for i in range(len(kinds))]
    media += [(f"MediaContentType{i}", kind) for i, kind in enumerate(kinds)]
    message = read(*media, NumMedia=count).message

    assert message.message_type is message_type
    assert len(message.media) == (0 if message_type is MessageType.TEXT else len(kinds))


def test_what_twilio_says_beside_is_kept() -> None:
    """Buttons, lists, forms, advertisements and what is answered: cleaned, bounded, and nothing that says no."""
    message = read(
        ButtonText="Yes\x00", ButtonPayload="p", ListTitle="Monday", ListId="d1", InteractiveData="{" * 5000, FlowData="{}",
        ReferralHeadline="Sale", ReferralBody="Half", ReferralSourceUrl="https://fb.example/1", Forwarded="false",
        FrequentlyForwarded="true", OriginalRepliedMessageSid="SM1", GeoX="1",
    ).message  # fmt: skip

    assert {
        "button_text": "Yes", "button_payload": "p", "list_title": "Monday", "list_id": "d1", "interactive_data": "{" * 1600,
        "flow_data": "{}", "referral_headline": "Sale", "referral_body": "Half", "referral_source_url": "https://fb.example/1",
        "replied_to_sid": "SM1", "forwarded": True,
    } == message.extra  # fmt: skip
    assert "forwarded" not in read(Forwarded="false").message.extra


def test_a_place_is_a_location() -> None:
    """WhatsApp's location keeps its coordinates."""
    message = read(Latitude="37.1", Longitude="-122.2", Label="Here").message

    assert message.message_type is MessageType.LOCATION
    assert message.extra == {"latitude": "37.1", "longitude": "-122.2", "label": "Here"}


@pytest.mark.parametrize(
    ("body", "more", "keyword"),
    [
        ("STOP", {}, Keyword.STOP),
        ("ＳＴＯＰ", {}, Keyword.STOP),
        ("Stop please", {}, Keyword.STOP),
        ("st\x00op", {}, Keyword.STOP),
        ("whatever", {"OptOutType": "STOP"}, Keyword.STOP),
        ("whatever", {"OptOutType": "nonsense"}, Keyword.NONE),
        ("cancel", {"From": "whatsapp:+15551234567"}, Keyword.NONE),
        ("HELP", {}, Keyword.HELP),
        ("START", {}, Keyword.START),
        ("stop it", {}, Keyword.NONE),
        ("STOP" + " " * 1600 + "it", {}, Keyword.NONE),
    ],
)
def test_opt_out_words_are_seen_on_receipt(body: str, more: dict[str, str], keyword: Keyword) -> None:
    """Row 62: the whole text is judged, also where it is cut for keeping; Twilio's own word for it counts too."""
    assert read(Body=body, **more).message.keyword is keyword


def test_a_whatsapp_id_beside_a_number_is_its_alias() -> None:
    """The number is the customer, the id leads to it; an id that comes alone is a customer itself."""
    both = read(From="whatsapp:+15551234567", ExternalUserId="US.134912", ProfileName=" Zoë\x00 ")
    alone = read(From="whatsapp:US.134912", ExternalUserId="US.134912")
    odd = read(From="whatsapp:+15551234567", ExternalUserId="../x")

    assert (both.customer, both.alias, both.name) == ("+15551234567", "US.134912", "Zoë")
    assert (alone.customer, alone.alias, alone.message.channel) == ("US.134912", "", Channel.WHATSAPP)
    assert odd.alias == ""


@given(
    st.lists(
        st.tuples(st.sampled_from([*TEXT, *fields.ONCE, "MediaUrl0", "ProfileName", "Latitude"]), st.text())
    )
)
def test_signed_content_is_kept_or_malformed_never_an_error(more: Pairs) -> None:
    """Any fields beside a usable message make one that is stored and read back as it was."""
    said = fields.inbound([*TEXT.items(), *(pair for pair in more if pair[0] != "MessageSid")], (OURS,))
    stored = records.encode_message(said.message)

    read = records.decode_tail("0" * 32, "1", f"0:{stored}", {})
    assert read and (read.content, read.twilio_sid) == (said.message.content, SID)
    assert stored.encode()
    assert len(said.message.content) <= fields.BODY_MAX
    assert len(said.customer) <= fields.NAME_MAX


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text("ab=&+%2Bé;\udc80C3", max_size=40).map(lambda t: t.encode("utf-8", "replace")),
    )
)
def test_a_form_is_read_as_python_reads_it(body: bytes) -> None:
    """Whatever the bytes, both readings are those of ``urllib.parse``, which the signature was checked against."""
    for errors in ("replace", "surrogateescape"):
        expected = parse_qsl(body.decode("utf-8", errors), keep_blank_values=True, errors=errors)

        assert fields.parse(body, errors) == expected
