"""Twilio's error codes, and what each means for the reply that met it. The one table.

A refusal is judged by its code; the HTTP status decides only where the code says nothing.
docs/twilio.md shows the table, and a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What to do about a refusal."""

    PERMANENT = "permanent"  # this message never goes; a failure for a person
    LATER = "later"  # the same message may go in a while
    CONFIGURATION = "configuration"  # ours to mend: keep the work, hold the lane, raise the alarm
    OPT_OUT = "opt_out"  # the customer wants none of it: kept as an opt-out of this sender
    UNKNOWN = "unknown"  # Twilio may have taken it: look it up before anything is sent again


@dataclass(frozen=True, slots=True)
class Fault:
    """One class of refusal. ``account``: every send of the account meets it, not this lane alone."""

    kind: Kind
    meaning: str
    account: bool = False
    patient: bool = False  # a queue is full somewhere: ask again after much longer
    known: bool = True


def _permanent(meaning: str) -> Fault:
    return Fault(Kind.PERMANENT, meaning)


def _queue_full(meaning: str) -> Fault:
    return Fault(Kind.LATER, meaning, patient=True)


def _ours(meaning: str, *, account: bool = False) -> Fault:
    return Fault(Kind.CONFIGURATION, meaning, account=account)


TABLE: dict[int, Fault] = {
    10001: _ours("the account is not active", account=True),
    10002: _ours("a trial account cannot do this"),
    10004: _queue_full("too many calls at once"),
    10005: _ours("calls are switched off for the account"),
    11200: _permanent("a file could not be fetched"),
    11751: _permanent("a file is too large for a text message"),
    12300: _permanent("a file is of a kind that is not carried"),
    13223: _permanent("the number to call is not written as one"),
    13224: _permanent("the number to call is none, or nobody can reach it"),
    13225: _permanent("the number to call is forbidden"),
    13226: _permanent("the number to call has no country's code"),
    13227: _ours("calls to the recipient's country are not enabled"),
    14103: _permanent("the text cannot be a message"),
    20003: _ours("our password is refused", account=True),
    20005: _ours("the account is not active", account=True),
    20404: _ours("no such account at this address", account=True),
    20429: Fault(Kind.LATER, "too many requests at once"),
    21201: _permanent("no recipient"),
    21202: _permanent("the number to call is a premium number"),
    21203: _ours("calls abroad are not enabled"),
    21205: _permanent("a call's address is no URL"),
    21210: _ours("the caller's number is neither ours nor a verified caller ID"),
    21211: _permanent("the recipient is not a number"),
    21212: _ours("our sender is not a number"),
    21213: _ours("no number to call from"),
    21214: _permanent("the number to call cannot be reached"),
    21215: _ours("calls to the recipient's country are not enabled"),
    21216: _ours("the account may not call this number"),
    21217: _permanent("the number to call does not look like one"),
    21219: _ours("a trial account, and the number to call is not verified"),
    21408: _ours("the recipient's country is not enabled"),
    21601: _ours("our number cannot send messages"),
    21602: _permanent("no text"),
    21603: _ours("no sender"),
    21606: _ours("the sender is not ours, or not for this recipient"),
    21608: _ours("a trial account, and the recipient is not verified"),
    21609: _ours("the address for delivery callbacks is refused: correct PUBLIC_BASE_URL"),
    21610: Fault(Kind.OPT_OUT, "the customer opted out"),
    21611: _queue_full("the sender's queue is full"),
    21612: _permanent("no way to this recipient"),
    21614: _permanent("the recipient is not a mobile number"),
    21617: _permanent("the text is too long"),
    21620: _permanent("a file's address is refused"),
    21623: _permanent("too many files"),
    21635: _permanent("the recipient is a landline"),
    21655: _permanent("no such template in the account"),
    21656: _permanent("the template does not take these variables"),
    21658: _permanent("a parameter is over its limit"),
    21701: _ours("no such Messaging Service"),
    21703: _ours("the Messaging Service has no number for this recipient"),
    21704: _ours("the Messaging Service has no numbers"),
    21910: _permanent("sender and recipient are on different channels"),
    30001: _queue_full("the service's queue is full"),
    30002: _ours("the account is suspended", account=True),
    30003: _queue_full("the phone cannot be reached now"),
    30004: _permanent("blocked"),
    30005: _permanent("the number is not in use"),
    30006: _permanent("a landline, or a carrier that takes no messages"),
    30007: _permanent("filtered for its content"),
    30008: _queue_full("the carrier does not say why"),
    30034: _ours("the number is not registered for A2P 10DLC"),
    30036: _permanent("not delivered within its validity"),
    32018: _permanent("the words are too long for a call"),
    30450: _ours("held back by SMS pumping protection"),
    63003: _permanent("not a WhatsApp recipient"),
    63007: _ours("the sender is no WhatsApp sender of ours"),
    63014: Fault(Kind.OPT_OUT, "the customer blocked us"),
    63016: _permanent("outside WhatsApp's 24 hours, where only a template may go"),
    63017: _queue_full("over the channel's rate"),
    63018: _queue_full("over the channel's limit"),
    63019: _permanent("a file could not be fetched for WhatsApp"),
    63021: _permanent("the channel refuses the content"),
    63038: _queue_full("over the account's daily limit"),
}

THROTTLED = Fault(Kind.LATER, "throttled")
IN_DOUBT = Fault(Kind.UNKNOWN, "an error on Twilio's side")
NOT_ADMITTED = _ours("refused at the door", account=True)
FORBIDDEN = _ours("not permitted")
# The specification warns that codes may change: what nobody knows is not sent again, and somebody is told.
UNHEARD_OF = Fault(Kind.PERMANENT, "a code that is not in our table", known=False)


def classify(code: int, status: int) -> Fault:
    """What a refusal means. ``code`` is Twilio's, 0 without one; ``status`` is the HTTP status.

    429 was never processed, and a 5xx may have been, whatever code comes with them.
    """
    if status == 429:
        return THROTTLED
    if status >= 500 or status < 400 or status == 408:
        return IN_DOUBT
    if code in TABLE:
        return TABLE[code]
    if status == 401:
        return NOT_ADMITTED
    return FORBIDDEN if status == 403 else UNHEARD_OF
