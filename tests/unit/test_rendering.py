"""What a channel makes of a model's Markdown, and what an SMS costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.model import Channel
from simulator.segments import count_segments
from workers.rendering import render, segments


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("“Hello” – it’s here…", '"Hello" - it\'s here...'),
        ("Il dit « oui » à 9\u00a0h", 'Il dit "oui" à 9 h'),
        ("**Order 12345** has *shipped*.", "Order 12345 has shipped."),
        ("__Bold__ and _italic_ and ***both***", "Bold and italic and both"),
        ("~~old~~ `code`", "old code"),
        ("# Your order\nIt is here.", "Your order\nIt is here."),
        ("* one\n* two\n• three\n- four", "- one\n- two\n- three\n- four"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("> quoted\n---\nend", "quoted\nend"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("[Track it](https://example.com/t?a_b=c_d)", "Track it: https://example.com/t?a_b=c_d"),
        ("[https://example.com](https://example.com)", "https://example.com"),
        ("![logo](https://example.com/l.png)", "logo: https://example.com/l.png"),
        ("**https://example.com/a_b_c**", "https://example.com/a_b_c"),
        ("_see https://example.com/x_y_", "see https://example.com/x_y"),
        ("| item | price |\n|---|---|\n| pizza | 12.50 |", "item, price\npizza, 12.50"),
        ("2 * 3 * 4 = 24, snake_case_name, 5*4*3", "2 * 3 * 4 = 24, snake_case_name, 5*4*3"),
        ("A\\*B and \\_c\\_", "A*B and _c_"),
        ("line<br>two\r\nthree", "line\ntwo\nthree"),
        ("one\n\n\n\ntwo  \n", "one\n\ntwo"),
        ("Great 👍🏽", "Great 👍🏽"),
        ("Año, ¿qué? Ça va, fünf ßüß", "Año, ¿qué? Ça va, fünf ßüß"),
        ("مرحبا، **طلبك** في الطريق", "مرحبا، طلبك في الطريق"),
        ("a\u202eb\x00c\u2066d", "abcd"),
        ("Order #12345 ***", "Order #12345 ***"),
        ("*", "*"),
        ("** **", ""),
    ],
)
def test_a_text_message_is_plain(written: str, sent: str) -> None:
    """Markup goes, typographic marks become their plain twins, and links, letters and emoji stay."""
    assert sent == render(written, Channel.SMS)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("**Order 12345** has *shipped*.", "*Order 12345* has *shipped*."),
        ("__Bold__ and _italic_", "*Bold* and _italic_"),
        ("~~old~~", "~old~"),
        ("## Your **order**\n* one", "*Your order*\n- one"),
        ("“Hello” – it’s here…", "“Hello” – it’s here…"),
        ("[Track it](https://example.com/a__b__c)", "Track it: https://example.com/a__b__c"),
        ("```\ncode\n```", "```\ncode\n```"),
        ("| a | b |\n| :-- | --: |\n| 1 | 2 |", "a, b\n1, 2"),
    ],
)
def test_whatsapp_has_marks_of_its_own(written: str, sent: str) -> None:
    """Bold is one star there, struck one tilde; headings are bold, and tables lines."""
    assert sent == render(written, Channel.WHATSAPP)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Order #12345** has shipped 🎉", "Order #12345 has shipped."),
        ("You have:\n* two pizzas\n* a cola", "You have: two pizzas. a cola."),
        ("See [our page](https://www.example.com/track?id=1).", "See our page: example.com."),
        ("It’s “ready” – come!", 'It\'s "ready" - come!'),
        ("هل تريد شيئا آخر؟", "هل تريد شيئا آخر؟"),
    ],
)
def test_a_call_gets_what_can_be_spoken(written: str, spoken: str) -> None:
    """One line of sentences: no marks, no emoji, the host of a link, an order's number digit by digit."""
    assert spoken == render(written, Channel.VOICE)


@given(st.text(max_size=400), st.sampled_from(Channel))
def test_any_text_is_rendered(text: str, channel: Channel) -> None:
    """Whatever a model writes, what is sent begins and ends with no blank and hides no direction marks."""
    sent = render(text, channel)

    assert sent == sent.strip()
    assert not set(sent) & set("\x00\u202e\u2066")


@given(st.text("ab .“”‘’–—…\u00a0•*_#\n", max_size=100))
def test_typographic_marks_do_not_reach_a_text_message(text: str) -> None:
    """What is plain but for its quotes and dashes costs the price of plain text."""
    assert segments(render(text, Channel.SMS))[0] == "GSM-7"


@pytest.mark.parametrize(
    "piece", ["*", "_", "[", "](", "**a", "`", "~~", "| ", "> ", "- ", "https://", "[a](", "\n \n", "#"]
)
def test_50_000_characters_are_rendered(piece: str) -> None:
    """No repetition of a mark makes rendering run away; a reply is cut long before, and is read once."""
    assert render(piece * 2000, Channel.SMS) is not None


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("a" * 1600, "GSM-7", 11),
        ("a" * 159 + "€", "GSM-7", 2),
        ("a" * 158 + "€", "GSM-7", 1),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("你" * 70, "UCS-2", 1),
        ("你" * 71, "UCS-2", 2),
        ("你" * 134, "UCS-2", 2),
        ("你" * 135, "UCS-2", 3),
        ("👋" * 35, "UCS-2", 1),
        ("👋" * 36, "UCS-2", 2),
        ("“hi”", "UCS-2", 1),
        ("é è ñ ü ß ¿ ^{}", "GSM-7", 1),
        ("á", "UCS-2", 1),
    ],
)
def test_segments_are_counted_as_carriers_do(text: str, encoding: str, count: int) -> None:
    """160 then 153 places of GSM-7, 70 then 67 of UCS-2; two places are never torn."""
    assert (encoding, count) == segments(text)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=600))
def test_the_local_twilio_counts_the_same(text: str) -> None:
    """Two counts written apart agree."""
    assert count_segments(text) == segments(text)[1]
