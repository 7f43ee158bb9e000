// The call in progress: who speaks, the words as text, and all that a caller can do.

import { Keypad } from "./keypad.js";
import { Reader } from "./reader.js";
import { Refused } from "./server.js";
import { Ear, isEcho, Voice } from "./speech.js";
import { calledName, endedAs, lasted, Transcript } from "./transcript.js";

const MINE = "ringback.phone.call"; // this tab's call, so that a reload does not lose it
const CLOSES_AFTER_MS = 5000;
const NEAR_END_PX = 60;
const NOT_NOW = "Ringback is not listening just now, so this would be lost. Send it when it asks.";
const $ = (id) => document.getElementById(id);

export class CallView {
  #sid = "";
  #begun = false; // the caller has begun to speak or type an answer
  #answered = -1; // the lines there were when the caller answered: until the answer is among them nobody listens
  #note = "";
  #keys = Promise.resolve(); // the last key's request
  #closing = 0;
  #pinned = true; // the newest words are in sight, and stay so

  // nameOf(customer) for people to read, botName() of the assistant, onChange() when a call begins or is put away.
  constructor(calls, { nameOf, botName, onChange }) {
    Object.assign(this, { calls, nameOf, botName, onChange });
    this.voice = new Voice();
    this.reader = new Reader(this.voice, () => this.draw());
    this.ear = new Ear({
      onPart: (words) => this.#hearing(words),
      onHeard: (words, confidence) => this.#heard(words, confidence),
      onDeaf: (why) => this.#say(why),
    });
    this.transcript = new Transcript($("call-words"));
    this.keypad = new Keypad($("keypad"), (key) => this.#press(key));
    this.#listen();
    setInterval(() => this.#tick(), 500);
  }

  get call() {
    return this.calls.get(this.#sid);
  }

  // The question that waits for an answer, if any.
  get listening() {
    const call = this.call;
    const waits = this.#answered < 0 || call?.transcript.some((line) => line.who === "caller" && line.seq > this.#answered);
    return waits ? (call?.listening ?? null) : null;
  }

  get owner() {
    return this.call ? this.calls.owner(this.call) : "";
  }

  async start(from, to, anonymous) {
    this.#attend(await this.calls.start(from, to, anonymous, this.voice.paceMs), true);
  }

  async answer(sid) {
    if (this.call?.live) await this.calls.hangUp(this.#sid).catch(() => {});
    await this.calls.answer(sid, this.voice.paceMs);
    this.#attend(sid, true);
  }

  // Takes the call of this tab up again, after a reload.
  resume() {
    const call = this.calls.get(sessionStorage.getItem(MINE) ?? "");
    if (call?.live) this.attend(call.call_sid);
  }

  attend = (sid) => this.#attend(sid, false);

  #attend(sid, fresh) {
    clearTimeout(this.#closing);
    this.#closing = 0;
    this.#begun = false;
    this.#answered = -1;
    this.#sid = sid;
    this.#note = "";
    sessionStorage.setItem(MINE, sid);
    this.transcript.clear();
    this.#pinned = true;
    this.reader.attend(this.call, fresh);
    this.keypad.show(false);
    $("call-text").value = "";
    this.calls.fill(sid).catch(() => {});
    this.onChange();
    this.follow();
    $("call-text").focus({ preventScroll: true });
  }

  // Something about a call has changed.
  follow() {
    const call = this.call;
    if (!call) return this.#sid ? this.close() : undefined;
    if (!this.calls.complete(call)) this.calls.fill(this.#sid).catch(() => {});
    this.reader.follow(call);
    const listening = this.listening;
    if (!listening) this.#begun = false;
    if (listening && this.#note === NOT_NOW) this.#note = "";
    if (listening?.speech) this.ear.open(listening.language);
    else this.ear.close();
    if (!call.live) this.#over(call);
    this.draw();
  }

  #over(call) {
    this.ear.close();
    if (call.transcript.some((line) => line.who === "caller" && line.kind === "hangup")) this.reader.stop();
    const wrong = call.transcript.some((line) => line.kind === "error") || this.#note;
    if (!wrong && !this.#closing && !this.reader.busy) this.#closing = setTimeout(() => this.close(), CLOSES_AFTER_MS);
  }

  close() {
    clearTimeout(this.#closing);
    this.#closing = 0;
    this.#sid = "";
    sessionStorage.removeItem(MINE);
    this.reader.stop();
    this.ear.close();
    this.onChange();
  }

  // Drawing.

  draw() {
    const call = this.call;
    if (!call) return;
    this.transcript.draw(call, this.botName(), this.reader.seq);
    const listening = this.listening;
    const [state, words] = status(call, listening, this.reader.busy);
    const view = $("call");
    view.dataset.state = state;
    $("call-who").textContent = this.botName();
    $("call-as").textContent = this.calls.withheld(call) ? `${this.nameOf(this.owner)}, number not shown` : this.nameOf(this.owner);
    setText($("call-status"), words);
    setText($("call-cue"), this.#note || cue(call, listening, this));
    $("call-cue").classList.toggle("error", Boolean(this.#note));
    $("call-form").hidden = $("call-keys").hidden = $("call-mute").hidden = $("hang-up").hidden = !call.live;
    $("call-close").hidden = call.live;
    $("call-mute").hidden ||= !this.ear.able;
    this.#drawTransfer(call);
    this.#drawSwitches(call);
    if (this.#pinned) $("call-scroll").scrollTop = $("call-scroll").scrollHeight;
    this.#tick();
  }

  #drawSwitches(call) {
    $("call-mute").setAttribute("aria-pressed", String(!this.ear.on));
    $("call-speaker").setAttribute("aria-pressed", String(this.voice.on));
    $("call-speaker").hidden = !this.voice.able || !call.live;
    $("call-keys").setAttribute("aria-expanded", String(this.keypad.shown));
    if (!call.live) this.keypad.show(false);
    $("call-text").placeholder = this.listening ? "Say something" : "Nobody is listening yet";
    $("call-say").disabled = !$("call-text").value.trim();
  }

  // A person at Ringback's end exists only here, so here it is said what becomes of the transfer.
  #drawTransfer({ transfer }) {
    $("call-transfer").hidden = !transfer;
    if (!transfer) return;
    $("call-transfer-who").textContent = `You decide what happens at ${calledName(transfer.to)}:`;
  }

  #tick() {
    const call = this.call;
    if (!call) return;
    const seconds = call.live ? (call.started ? (Date.now() - call.started) / 1000 : 0) : call.duration;
    setText($("call-clock"), call.started ? lasted(seconds) : "");
    setText($("oncall-clock"), call.started ? lasted(seconds) : "");
    if (!call.live && !this.reader.busy) this.#over(call);
  }

  // What the caller does.

  #listen() {
    $("call-scroll").addEventListener("scroll", () => {
      const box = $("call-scroll");
      this.#pinned = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    }, { passive: true });
    $("call-form").addEventListener("submit", (event) => (event.preventDefault(), this.#submit()));
    $("call-text").addEventListener("input", () => (this.#say(""), $("call-text").value.trim() && this.#bargeIn()));
    $("hang-up").addEventListener("click", () => this.#do(() => this.calls.hangUp(this.#sid)));
    $("call-close").addEventListener("click", () => this.close());
    $("call-keys").addEventListener("click", () => (this.keypad.show(!this.keypad.shown), this.draw()));
    $("call-speaker").addEventListener("click", () => (this.voice.turn(!this.voice.on), this.draw()));
    $("call-mute").addEventListener("click", () => {
      this.ear.turn(!this.ear.on);
      this.#say("");
      this.follow();
    });
    for (const button of $("call-transfer").querySelectorAll("button")) {
      button.addEventListener("click", () => this.#do(() => this.calls.transfer(this.#sid, button.value)));
    }
  }

  // Whoever talks while the voice speaks interrupts it, and the question waits for the end.
  #bargeIn() {
    if (!this.listening || this.#begun) return;
    this.#begun = true;
    this.reader.stop();
    this.calls.begin(this.#sid).catch(() => {});
  }

  async #submit() {
    const box = $("call-text");
    const words = box.value.trim();
    if (!words) return;
    if (!this.listening) return this.#say(NOT_NOW);
    box.value = "";
    if (!(await this.#answer(words))) box.value ||= words;
    this.draw();
    box.focus();
  }

  // True when it was heard.
  async #answer(words, confidence) {
    this.reader.stop();
    this.#answered = this.call.lines;
    const heard = await this.#do(() => this.calls.say(this.#sid, words, confidence));
    if (!heard) this.#answered = -1;
    return heard;
  }

  #hearing(words) {
    if (this.reader.busy && isEcho(words, this.reader.text)) return;
    this.#bargeIn();
    $("call-text").value = words;
  }

  #heard(words, confidence) {
    if (this.reader.busy && isEcho(words, this.reader.text)) return;
    $("call-text").value = "";
    this.#answer(words, confidence || null);
  }

  #press(key) {
    if (!this.listening?.digits) return this.#say("Ringback is not waiting for keys just now.");
    this.reader.stop();
    // One after the other: requests that are under way together may overtake each other.
    this.#keys = this.#keys.catch(() => {}).then(() => this.#do(() => this.calls.press(this.#sid, key)));
  }

  async #do(step) {
    this.#begun = false;
    this.#say("");
    try {
      await step();
      return true;
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      this.#say(problem.status === 409 && this.call?.live ? NOT_NOW : problem.message);
      return false;
    }
  }

  #say(note) {
    this.#note = note;
    this.draw();
  }
}

// [state for the eye, words]
function status(call, listening, speaking) {
  if (!call.live) return ["ended", endedAs(call)];
  if (call.status !== "in-progress") return ["ringing", "Ringing"];
  if (call.transfer) return ["talking", call.transfer.status === "ringing" ? "Transferring" : "Transferred"];
  if (call.queue) return ["hold", "On hold"];
  const quiet = !speaking && !listening && ["playing", "pausing", "fetching"].includes(call.doing);
  if (quiet && call.transcript.some((line) => line.who === "caller")) return ["hold", "On hold"];
  return ["talking", "In progress"];
}

// What the caller may do now.
function cue(call, listening, { reader, ear, keypad }) {
  if (!call.live || call.status !== "in-progress") return "";
  if (!listening) return reader.busy || call.transfer || call.queue ? "" : "One moment";
  const ways = [ear.able && ear.on && "speak", "type", listening.digits && "press keys"].filter(Boolean);
  const how = ways.length > 1 ? `${ways.slice(0, -1).join(", ")} or ${ways.at(-1)}` : ways[0];
  const ends = keypad.shown && listening.finish_on_key ? `, ${listening.finish_on_key} when done` : "";
  return `${reader.busy ? "You may interrupt" : "Your turn"}: ${how}${ends}`;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

