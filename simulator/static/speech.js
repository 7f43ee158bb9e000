// The browser's own voice and ear, where it has them. Nothing waits for either: without a voice a text takes
// the time that reading it takes, and without an ear the caller types.

import { keep, stored } from "./keeping.js";

const SOUND = "ringback.phone.sound";
const MIC = "ringback.phone.mic";
const PACE = "ringback.phone.pace"; // how fast this browser's voice turned out to be
const READING_MS_A_CHAR = 30;
const SPEAKING_MS_A_CHAR = 65;
const PIECE_CHARS = 180; // some browsers fall silent in the middle of a longer text
const STARTS_WITHIN_MS = 1500;
const SILENCES_MAX = 2;
const SLOWEST_MS_A_CHAR = 160;

export class Voice {
  #able = "speechSynthesis" in window;
  #silences = 0; // times in a row that it was to speak and did not begin
  #cut = null; // ends what is being said now
  on = stored(SOUND, true);

  constructor() {
    if (!this.#able) return;
    speechSynthesis.getVoices(); // asked once, so that the list is there when it is needed
    window.addEventListener("pagehide", () => speechSynthesis.cancel());
  }

  get able() {
    return this.#able;
  }

  // Milliseconds a character takes, so that the local Twilio waits as long as this voice speaks.
  get paceMs() {
    const speaks = this.#able && this.on && speechSynthesis.getVoices().length > 0;
    return speaks ? stored(PACE, SPEAKING_MS_A_CHAR) : READING_MS_A_CHAR;
  }

  turn(on) {
    this.on = on;
    keep(SOUND, on);
    if (!on && this.#able) speechSynthesis.cancel();
  }

  // Speaks ``text`` or lets its time pass; true when it came to its end, false when it was cut off.
  async say(text, language, paceMs) {
    this.stop();
    let cut = false;
    const stopped = new Promise((resolve) => (this.#cut = () => ((cut = true), resolve())));
    for (const piece of pieces(text)) {
      if (cut) break;
      const from = Date.now();
      const spoken = await Promise.race([this.#speak(piece, language), stopped]);
      const left = piece.length * paceMs - (Date.now() - from);
      if (spoken === false && !cut && left > 0) await Promise.race([sleep(left), stopped]);
    }
    if (!cut) this.#cut = null;
    return !cut;
  }

  stop() {
    this.#cut?.();
    this.#cut = null;
    // Some browsers lose what is said right after a needless cancel.
    if (this.#able && (speechSynthesis.speaking || speechSynthesis.pending)) speechSynthesis.cancel();
  }

  // False where this browser did not speak it.
  #speak(text, language) {
    if (!this.#able || !this.on) return Promise.resolve(false);
    const found = voiceFor(language);
    if (!found) return Promise.resolve(false);
    const said = Object.assign(new SpeechSynthesisUtterance(text), { voice: found, lang: found.lang });
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#silences += 1;
        if (this.#silences >= SILENCES_MAX) this.#able = false; // it promises a voice and has none
        speechSynthesis.cancel();
        resolve(false);
      }, STARTS_WITHIN_MS);
      let stuck = 0;
      let began = 0;
      const over = (spoken) => (clearTimeout(late), clearTimeout(stuck), resolve(spoken));
      said.onstart = () => {
        clearTimeout(late);
        this.#silences = 0;
        began = Date.now();
        stuck = setTimeout(() => (speechSynthesis.cancel(), over(true)), STARTS_WITHIN_MS + text.length * SLOWEST_MS_A_CHAR);
      };
      said.onend = () => (learnPace(text.length, Date.now() - began), over(true));
      // Switched off in the middle counts as said; a browser that refuses to begin does not.
      said.onerror = (event) => over(["interrupted", "canceled"].includes(event.error));
      speechSynthesis.speak(said);
    });
  }
}

function learnPace(chars, tookMs) {
  if (chars < 20) return;
  const measured = Math.min(120, Math.max(35, tookMs / chars));
  keep(PACE, 0.7 * stored(PACE, SPEAKING_MS_A_CHAR) + 0.3 * measured);
}

function voiceFor(language) {
  const voices = speechSynthesis.getVoices();
  const wanted = (language || "en-US").toLowerCase().replace("_", "-");
  const [base] = wanted.split("-");
  const tag = (voice) => voice.lang.toLowerCase().replace("_", "-");
  return voices.find((voice) => tag(voice) === wanted) ?? voices.find((voice) => tag(voice).split("-")[0] === base)
    ?? voices.find((voice) => voice.default) ?? voices[0];
}

// At the ends of sentences, and a long sentence between words.
export function pieces(text) {
  const found = [];
  for (const sentence of text.match(/[^.!?。؟]+[.!?。؟]*\s*|[.!?。؟]+\s*/g) ?? []) {
    for (const word of sentence.length > PIECE_CHARS ? sentence.match(/\S+\s*/g) : [sentence]) {
      const last = found.length - 1;
      if (last >= 0 && found[last].length + word.length <= PIECE_CHARS) found[last] += word;
      else found.push(word);
    }
  }
  return found;
}

const WHY_DEAF = {
  "not-allowed": "The browser may not use the microphone. Allow it in the address bar, or type what you say.",
  "service-not-allowed": "This browser does not turn speech into text here. Type what you say.",
  network: "The browser's speech service does not answer. Type what you say.",
  "audio-capture": "No microphone was found. Type what you say.",
  "language-not-supported": "This browser does not understand speech in this language. Type what you say.",
};

export class Ear {
  #recogniser = null;
  #language = "";
  #Kind = window.SpeechRecognition ?? window.webkitSpeechRecognition;
  on = Boolean(stored(MIC, false));

  // onPart(words) while somebody speaks, onHeard(words, confidence) at the end, onDeaf(sentence) when it cannot.
  constructor({ onPart, onHeard, onDeaf }) {
    Object.assign(this, { onPart, onHeard, onDeaf });
  }

  get able() {
    return Boolean(this.#Kind);
  }

  turn(on) {
    this.on = on;
    keep(MIC, on);
    if (!on) this.close();
  }

  // Listens until it is closed: a recogniser that ends in a silence is begun again.
  open(language) {
    if (!this.able || !this.on) return;
    if (this.#recogniser && this.#language === language) return;
    this.close();
    this.#language = language;
    const recogniser = Object.assign(new this.#Kind(), { lang: language, interimResults: true, maxAlternatives: 1 });
    this.#recogniser = recogniser;
    let deaf = false;
    recogniser.onresult = (event) => this.#took(recogniser, event.results[event.results.length - 1]);
    recogniser.onerror = ({ error }) => {
      if (!WHY_DEAF[error] || recogniser !== this.#recogniser) return;
      deaf = true;
      this.turn(false);
      this.onDeaf(WHY_DEAF[error]);
    };
    recogniser.onend = () => {
      if (recogniser !== this.#recogniser) return;
      this.#recogniser = null;
      if (!deaf) setTimeout(() => this.#recogniser ?? (this.#wanted && this.open(this.#language)), 150);
    };
    this.#wanted = true;
    recogniser.start();
  }

  #wanted = false;

  #took(recogniser, result) {
    if (recogniser !== this.#recogniser) return;
    const [{ transcript, confidence }] = result;
    if (!transcript.trim()) return;
    if (result.isFinal) this.onHeard(transcript.trim(), confidence);
    else this.onPart(transcript.trim());
  }

  close() {
    const recogniser = this.#recogniser;
    this.#wanted = false;
    this.#recogniser = null;
    recogniser?.abort();
  }
}

// Whether these heard words are only the loudspeaker's: most of them are in the text that is being spoken.
export function isEcho(heard, spoken) {
  const words = plainWords(heard);
  const known = new Set(plainWords(spoken));
  return words.length > 0 && words.filter((word) => known.has(word)).length / words.length > 0.6;
}

const plainWords = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
