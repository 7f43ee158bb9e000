// Speaks a call's words in their order as they come, and says which line is being spoken.

export class Reader {
  #sid = "";
  #taken = 0; // lines up to this one have had their turn
  #queue = [];
  #now = null;

  // onTurn(): another line is being spoken, or none.
  constructor(voice, onTurn) {
    this.voice = voice;
    this.onTurn = onTurn;
  }

  get seq() {
    return this.#now?.seq ?? 0;
  }

  get text() {
    return this.#now?.text ?? "";
  }

  get busy() {
    return Boolean(this.#now);
  }

  // ``fresh``: from its first word; else from here on, for what was said before we came is not said again.
  attend(call, fresh) {
    this.stop();
    this.#sid = call.call_sid;
    this.#taken = fresh ? 0 : call.lines;
  }

  follow(call) {
    if (call.call_sid !== this.#sid) return;
    for (const line of call.transcript) {
      if (line.seq > this.#taken && line.kind === "say") this.#queue.push(line);
      // Interrupted by the caller, or by words that Ringback pushed into the call.
      if (line.cut !== null && line.seq === this.seq) this.voice.stop();
    }
    this.#taken = Math.max(this.#taken, call.lines);
    this.#queue = this.#queue.filter((line) => (call.transcript.find((one) => one.seq === line.seq)?.cut ?? null) === null);
    if (!this.#now) this.#next(call.pace);
  }

  async #next(pace) {
    const line = (this.#now = this.#queue.shift() ?? null);
    this.onTurn();
    if (!line) return;
    await this.voice.say(line.text, line.language, pace);
    if (this.#now === line) this.#next(pace);
  }

  // The caller talks: the rest of what was to be said is not heard.
  stop() {
    if (!this.#now) return;
    this.#queue = [];
    this.#now = null;
    this.voice.stop();
    this.onTurn();
  }
}
