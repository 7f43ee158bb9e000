// What goes along with the next message: files, and the message it answers.

import { element, icon } from "./dom.js";
import { fileChip, pictureTypes, sizeOf } from "./media.js";
import { Refused, upload } from "./server.js";

const FILES_MAX = 10; // Twilio's, of one message

export class Tray {
  #files = []; // {name, state: "loading" | "ready", url, content_type, size}
  #reply = null;

  // onChange() after every change; onTrouble(sentence) where a file was not taken.
  constructor(box, { onChange, onTrouble, quoteOf }) {
    Object.assign(this, { box, onChange, onTrouble, quoteOf });
  }

  get files() {
    return this.#files.filter((file) => file.state === "ready");
  }

  get loading() {
    return this.#files.some((file) => file.state === "loading");
  }

  get empty() {
    return this.#files.length === 0;
  }

  get replyTo() {
    return this.#reply?.sid ?? "";
  }

  answer(message) {
    this.#reply = message;
    this.#draw();
  }

  clear() {
    this.#files = [];
    this.#reply = null;
    this.#draw();
  }

  // Puts back what could not be sent.
  restore(files, reply) {
    this.#files = [...files, ...this.#files];
    this.#reply ??= reply ?? null;
    this.#draw();
  }

  async add(file, name = file.name) {
    if (this.#files.length >= FILES_MAX) return this.onTrouble(`A message carries ${FILES_MAX} files at most.`);
    const entry = { name, state: "loading" };
    this.#files.push(entry);
    this.#draw();
    try {
      Object.assign(entry, await upload(file, name), { state: "ready" });
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      this.#files = this.#files.filter((one) => one !== entry);
      this.onTrouble(`${name} was not attached. ${problem.message}`);
    }
    this.#draw();
  }

  #remove(entry) {
    this.#files = this.#files.filter((one) => one !== entry);
    this.#draw();
  }

  #draw() {
    this.box.hidden = this.empty && !this.#reply;
    this.box.replaceChildren(...(this.#reply ? [this.#quote()] : []),
      this.empty ? "" : element("ul", { "aria-label": "Attached" }, ...this.#files.map((file) => this.#row(file))));
    this.onChange();
  }

  #quote() {
    const drop = closer("Do not reply to it");
    drop.addEventListener("click", () => this.answer(null));
    return element("div", { class: "tray-reply" }, this.quoteOf(this.#reply), drop);
  }

  #row(file) {
    const drop = closer(`Remove ${file.name}`);
    drop.addEventListener("click", () => this.#remove(file));
    const what = file.state === "loading" ? element("span", { class: "chip", text: `Attaching ${file.name}` })
      : pictureTypes.test(file.content_type)
        ? element("img", { src: file.url, alt: file.name, title: `${file.name}, ${sizeOf(file.size)}` })
        : file.content_type.startsWith("audio/")
          ? element("audio", { src: file.url, controls: true, preload: "metadata", "aria-label": file.name })
          : fileChip(file);
    return element("li", { class: `attached ${file.state}` }, what, drop);
  }
}

function closer(name) {
  return element("button", { type: "button", class: "drop", title: name }, icon("cross"), element("span", { class: "unseen", text: name }));
}
