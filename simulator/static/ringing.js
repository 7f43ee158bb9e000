// Ringback calls a customer: the phone rings until it is answered, declined or given up.

const $ = (id) => document.getElementById(id);
const RING_EVERY_MS = 3000;
const NOTES_HZ = [523, 659];

export class Ringing {
  #sid = "";
  #timer = 0;
  #audio = null;

  // onAnswer(sid), onDecline(sid); audible() says whether the page may make a sound.
  constructor({ onAnswer, onDecline, audible }) {
    Object.assign(this, { audible });
    $("ringing-answer").addEventListener("click", () => onAnswer(this.#sid));
    $("ringing-decline").addEventListener("click", () => onDecline(this.#sid));
  }

  // ``who`` is the customer whose phone it is.
  draw(call, bot, who) {
    const sid = call?.call_sid ?? "";
    if (sid === this.#sid) return;
    this.#sid = sid;
    $("ringing").hidden = !sid;
    clearInterval(this.#timer);
    if (!sid) return;
    $("ringing-text").textContent = `${bot} calls ${who}`;
    this.#ring();
    this.#timer = setInterval(() => this.#ring(), RING_EVERY_MS);
  }

  #ring() {
    if (!this.audible() || !navigator.userActivation?.hasBeenActive) return;
    this.#audio ??= new AudioContext();
    const from = this.#audio.currentTime;
    NOTES_HZ.forEach((hertz, index) => this.#note(hertz, from + index * 0.22));
  }

  #note(hertz, at) {
    const [tone, loudness] = [this.#audio.createOscillator(), this.#audio.createGain()];
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.0001, at);
    loudness.gain.exponentialRampToValueAtTime(0.08, at + 0.03);
    loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    tone.connect(loudness).connect(this.#audio.destination);
    tone.start(at);
    tone.stop(at + 0.55);
  }
}
