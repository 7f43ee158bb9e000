// The calls as the local Twilio tells them, and what a caller can do: one record per call, its words in order.

import { keep, stored } from "./keeping.js";
import { get, post } from "./server.js";

const WITHHELD = "ringback.phone.withheld"; // CallSid -> whose phone it was that showed no number
const WITHHELD_KEPT = 50;

export class Calls {
  #known = new Map(); // CallSid -> picture, its transcript merged
  #withheld = new Map(stored(WITHHELD, []));

  // onChange() after every change of any call.
  constructor(onChange) {
    this.onChange = onChange;
  }

  get = (sid) => this.#known.get(sid);
  get all() {
    return [...this.#known.values()];
  }

  // Whose conversation a call belongs to: a withheld number is still somebody's phone here.
  owner = (call) => this.#withheld.get(call.call_sid) ?? call.customer;
  withheld = (call) => call.inbound && !/^\+\d/.test(call.from);

  take(pictures = [], gone = [], whole = false) {
    const lost = whole ? [...this.#known.keys()].filter((sid) => !pictures.some((one) => one.call_sid === sid)) : gone;
    for (const sid of lost) this.#known.delete(sid);
    for (const picture of pictures) this.#merge(picture);
  }

  // An answer and the stream may cross: what is older than what we know is let go.
  #merge(picture) {
    const before = this.#known.get(picture.call_sid);
    const lines = new Map((before?.transcript ?? []).map((line) => [line.seq, line]));
    for (const line of picture.transcript) {
      lines.set(line.seq, { ...line, cut: line.cut ?? lines.get(line.seq)?.cut ?? null });
    }
    const newer = !before || picture.lines > before.lines || (picture.lines === before.lines && !(picture.live && !before.live));
    const transcript = [...lines.values()].sort((a, b) => a.seq - b.seq);
    this.#known.set(picture.call_sid, { ...(newer ? picture : before), transcript });
  }

  complete = (call) => call.transcript.length >= call.lines;

  // All the words of a call, fetched where the stream told only of the last.
  async fill(sid) {
    const call = this.get(sid);
    if (!call || this.complete(call)) return;
    this.#merge(await get(`/phone/calls/${sid}?after=0`));
    this.onChange();
  }

  async start(from, to, anonymous, pace) {
    const picture = await post("/phone/calls", { from, to, anonymous, pace: Math.round(pace) });
    if (anonymous) {
      this.#withheld.set(picture.call_sid, from);
      keep(WITHHELD, [...this.#withheld].slice(-WITHHELD_KEPT));
    }
    this.#merge(picture);
    return picture.call_sid;
  }

  say = (sid, speech, confidence) => this.#does(sid, "say", confidence === undefined ? { speech } : { speech, confidence });
  press = (sid, digits) => this.#does(sid, "say", { digits });
  begin = (sid) => this.#does(sid, "say", { started: true });
  hangUp = (sid) => this.#does(sid, "hangup");
  answer = (sid, pace) => this.#does(sid, "answer", { pace: Math.round(pace) });
  decline = (sid) => this.#does(sid, "decline");
  transfer = (sid, status) => this.#does(sid, "transfer", { status });

  async #does(sid, what, given = {}) {
    this.#merge(await post(`/phone/calls/${sid}/${what}`, given));
    this.onChange();
  }
}
