"""One <Gather>: its prompt, what the caller says or keys, and what is asked with it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.calls import Line, Listening
from simulator.mailbox import Act, Begun, Keys, Silence, Source, Speech
from simulator.messages import now_ms
from simulator.verbs import Gather

if TYPE_CHECKING:
    from simulator.callflow import CallFlow

SPEECH_MAX_S = 60.0  # Twilio transcribes no longer


class Gathering:
    """Asks once. ``action`` is resolved before a word is spoken, for a call fails on it whatever is said."""

    def __init__(self, flow: CallFlow, gather: Gather) -> None:
        self._flow = flow
        self._gather = gather
        self._action = flow.resolve(gather.action)
        self._keyed = ""

    def asked(self) -> Source | None:
        """The request that the caller's answer makes; None where there was none and the next verb comes."""
        gather = self._gather
        try:
            interrupted = self._prompted()
            heard = self._heard(interrupted)
        finally:
            self._flow.mail.stop_listening()
            self._flow.show(listening=None)
        if isinstance(heard, Speech):
            return self._with_speech(heard)
        if self._keyed:
            return Source(self._action, gather.method, (("Digits", self._keyed),))
        if not gather.on_empty:
            return None
        return Source(self._action, gather.method, (("Digits", ""),) if gather.digits else ())

    def _with_speech(self, heard: Speech) -> Source:
        told = [("SpeechResult", heard.words), ("Language", self._gather.language)]
        if heard.confidence is not None:
            told.append(("Confidence", f"{heard.confidence:g}"))
        return Source(self._action, self._gather.method, tuple(told))

    def _prompted(self) -> Act | None:
        """Speaks the prompt; gives the act that interrupted it, where it may be."""
        if self._gather.barge_in:
            self._listen()
        for part in self._gather.prompt:
            act = self._flow.sound(part)
            if act is not None:
                return act
        return None

    def _heard(self, act: Act | None) -> Act | None:
        """Waits until the caller has answered, or has been silent for too long."""
        gather, call = self._gather, self._flow.call
        line = self._flow.question(gather)
        wait_s = gather.timeout + call.patience
        self._listen()
        while True:
            if act is None:
                act = self._next_act(wait_s, line)
            if act is None or isinstance(act, Silence):
                if act is not None:
                    self._flow.line(Line("caller", "silence"))
                return None
            if isinstance(act, Speech) and not self._keyed:
                spoken = Line("caller", "speech", act.words, gather.language, confidence=act.confidence)
                self._flow.line(spoken)
                return act
            if isinstance(act, Keys) and self._took(act):
                return None
            # Between keys a program needs no time; whoever has begun to talk gets Twilio's longest.
            wait_s = SPEECH_MAX_S if isinstance(act, Begun) else gather.timeout if call.pace else 0.0
            act = None

    def _took(self, act: Keys) -> bool:
        """Adds the keys; True when they end the question."""
        self._flow.line(Line("caller", "digits", act.digits))
        for key in act.digits:
            if key == self._gather.finish_on_key:
                return True
            self._keyed += key
            if len(self._keyed) == self._gather.num_digits:
                return True
        return False

    def _next_act(self, wait_s: float, line: int) -> Act | None:
        self._flow.show(
            doing="listening",
            listening=replace(
                self._listening(), until=now_ms() + int(wait_s * 1000), started=bool(self._keyed), line=line
            ),
        )
        until = time.monotonic() + wait_s
        while (mail := self._flow.next(until, closing=True)) is not None:
            if isinstance(mail, Speech | Keys | Silence | Begun):
                return mail
        return None

    def _listen(self) -> None:
        kinds: list[type[Act]] = [Silence, Begun]
        kinds += [Speech] if self._gather.speech else []
        kinds += [Keys] if self._gather.digits else []
        self._flow.mail.listen(*kinds)
        self._flow.show(listening=self._listening())

    def _listening(self) -> Listening:
        gather = self._gather
        return Listening(
            speech=gather.speech,
            digits=gather.digits,
            language=gather.language,
            finish_on_key=gather.finish_on_key,
            num_digits=gather.num_digits,
        )
