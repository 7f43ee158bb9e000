// Where a message is written: words, files, a voice note, a place, a contact, a tapped button.

import { quoteOf } from "./bubble.js";
import { lasted } from "./transcript.js";
import { menuOn } from "./menu.js";
import { canRecord, nameOfNote, Recorder } from "./recorder.js";
import { openSheet } from "./sheets.js";
import { Tray } from "./tray.js";

const $ = (id) => document.getElementById(id);
const LONGEST = 1600;
const COUNTS_BELOW = 200;
const HINT = "Enter sends, Shift+Enter makes a new line";

export class Composer {
  #recorder = new Recorder();
  customer = "";
  channel = "sms";

  // onSend({body, media, reply_to, ...}) gives a promise of whether it was taken; onTrouble(sentence).
  constructor({ onSend, onTrouble }) {
    Object.assign(this, { onSend, onTrouble });
    this.tray = new Tray($("tray"), { onChange: () => this.fit(), onTrouble, quoteOf });
    menuOn($("more"), "Send something else", () => this.#choices());
    this.#listen();
  }

  focus() {
    $("text").focus({ preventScroll: true });
  }

  // What is typed or attached stays for whoever it goes to; a reply belongs to its conversation.
  turnTo(customer, channel) {
    if (this.channel !== channel || this.customer !== customer) this.tray.answer(null);
    Object.assign(this, { customer, channel });
    $("text").placeholder = channel === "whatsapp" ? "WhatsApp message" : "Text message";
  }

  reply(message) {
    this.tray.answer(message);
    this.focus();
  }

  fit() {
    const box = $("text");
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
    $("send").disabled = this.tray.loading || (!box.value.trim() && this.tray.empty);
    const left = LONGEST - box.value.length;
    $("hint").textContent = left < COUNTS_BELOW ? `${left} characters left` : HINT;
  }

  async #submit() {
    const [body, files, reply] = [$("text").value.trim(), this.tray.files, this.tray.replyTo];
    if (this.tray.loading || (!body && !files.length)) return;
    $("text").value = "";
    this.tray.clear();
    for (const given of this.#messages(body, files, reply)) {
      if (await this.onSend(given)) continue;
      this.#restore(given, files);
      break;
    }
  }

  // SMS carries ten files in one message; WhatsApp has a message for each, the words with the first.
  #messages(body, files, reply) {
    const media = files.map(({ url, content_type }) => ({ url, content_type }));
    const first = { body, media: this.channel === "sms" ? media : media.slice(0, 1), ...(reply ? { reply_to: reply } : {}) };
    return [first, ...(this.channel === "sms" ? [] : media.slice(1).map((one) => ({ body: "", media: [one] })))];
  }

  // What was not taken comes back, with whatever was to follow it; what is typed meanwhile stays.
  #restore(given, files) {
    if (!$("text").value) $("text").value = given.body;
    const from = files.findIndex((file) => file.url === given.media[0]?.url);
    if (from >= 0) this.tray.restore(files.slice(from));
    this.fit();
  }

  #choices() {
    const whatsapp = this.channel === "whatsapp";
    return [
      { label: "Pictures", icon: "picture", onChoose: () => $("pictures").click() },
      { label: "Documents or sound", icon: "document", onChoose: () => $("files").click() },
      canRecord() && { label: "Voice note", icon: "mic", onChoose: () => this.#record() },
      { label: "Contact", icon: "person", onChoose: () => openSheet("contact-sheet", (contact) => this.onSend({ contact })) },
      whatsapp && { label: "Place", icon: "pin", onChoose: () => openSheet("place-sheet", (place) => this.onSend({ location: asPlace(place) })) },
      whatsapp && { label: "Tap a button", icon: "tap", onChoose: () => openSheet("button-sheet", (button) => this.onSend({ button })) },
      whatsapp && { label: "Choose from a list", icon: "list", onChoose: () => openSheet("list-sheet", (list) => this.onSend({ list })) },
    ].filter(Boolean);
  }

  async #record() {
    try {
      await this.#recorder.start((blob) => this.#recorded(blob));
    } catch {
      return this.onTrouble("The browser may not use the microphone. Allow it in the address bar, or attach a sound file.");
    }
    this.#showRecording(true);
    $("record-keep").focus();
  }

  #recorded(blob) {
    this.#showRecording(false);
    if (blob?.size) this.tray.add(blob, nameOfNote(blob.type));
    this.focus();
  }

  #showRecording(shown) {
    $("recording").hidden = !shown;
    if (shown) this.#countRecording();
  }

  #countRecording() {
    if (!this.#recorder.recording) return;
    $("record-clock").textContent = lasted((Date.now() - this.#recorder.began) / 1000);
    setTimeout(() => this.#countRecording(), 500);
  }

  #listen() {
    $("composer").addEventListener("submit", (event) => (event.preventDefault(), this.#submit(), this.focus()));
    $("text").addEventListener("input", () => this.fit());
    $("text").addEventListener("keydown", (event) => {
      // While an input method composes a character, Enter belongs to it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    $("text").addEventListener("paste", (event) => this.#takeFiles(event, event.clipboardData));
    for (const kind of ["dragover", "drop"]) $("stage").addEventListener(kind, (event) => this.#dropped(event));
    for (const input of [$("pictures"), $("files")]) {
      input.addEventListener("change", () => {
        for (const file of input.files) this.tray.add(file);
        input.value = "";
        this.focus();
      });
    }
    $("record-keep").addEventListener("click", () => this.#recorder.stop());
    $("record-drop").addEventListener("click", () => this.#recorder.throwAway());
  }

  #dropped(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "drop") this.#takeFiles(event, event.dataTransfer);
  }

  #takeFiles(event, carrier) {
    const files = [...carrier.files];
    if (!files.length) return;
    event.preventDefault();
    for (const file of files) this.tray.add(file);
  }
}

function asPlace({ latitude, longitude, label, address }) {
  return { latitude: Number(latitude), longitude: Number(longitude), label, address };
}
