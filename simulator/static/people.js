// The customers: who they are, what was last said, and what is unread.

import { isAddress } from "./adding.js";
import { snippet } from "./bubble.js";
import { element, shortTime } from "./dom.js";
import { keep, stored } from "./keeping.js";
import { told } from "./transcript.js";

const ADDED = "ringback.phone.added";
const SEEN = "ringback.phone.seen";
const TONES = 6;

export class People {
  #known = new Map(); // number -> name
  #seen = stored(SEEN, {}); // "number/channel" -> the last sequence number looked at

  constructor(list, onChoose) {
    this.list = list;
    this.onChoose = onChoose;
  }

  learn(customers) {
    for (const { number, name } of [...customers, ...stored(ADDED, [])]) this.#known.set(number, name);
  }

  // Anyone who has written or was written to is a customer, named or not.
  meet(number) {
    if (!this.#known.has(number)) this.#known.set(number, "");
  }

  add(number, name) {
    this.#known.set(number, name || this.#known.get(number) || "");
    keep(ADDED, [...stored(ADDED, []).filter((one) => one.number !== number), { number, name }]);
  }

  get numbers() {
    return [...this.#known.keys()];
  }

  has = (number) => this.#known.has(number);
  name = (number) => this.#known.get(number) || spaced(number);
  givenName = (number) => this.#known.get(number) || "";

  look(number, channel, messages) {
    const last = messages.at(-1)?.seq ?? 0;
    const key = `${number}/${channel}`;
    if ((this.#seen[key] ?? 0) >= last) return;
    this.#seen[key] = last;
    keep(SEEN, this.#seen);
  }

  // A first visit finds everything read: only what comes from now on is news.
  greet(messages) {
    if (stored(SEEN, null)) return;
    for (const message of messages) this.#seen[`${message.customer}/${message.channel}`] = message.seq;
    keep(SEEN, this.#seen);
  }

  // After a reset of the local Twilio sequence numbers begin again.
  forgetSeen(highest) {
    for (const key of Object.keys(this.#seen)) this.#seen[key] = Math.min(this.#seen[key], highest);
  }

  unread(number, channel, messages) {
    const seen = this.#seen[`${number}/${channel}`] ?? 0;
    return messages.filter((message) => !message.inbound && message.channel === channel && message.seq > seen).length;
  }

  draw(conversations, current) {
    const order = this.numbers.map((number, index) => ({ number, index, messages: conversations.get(number) ?? [] }));
    const listed = order.filter((person) => isAddress(person.number) || person.messages.length);
    listed.sort((a, b) => (b.messages.at(-1)?.created ?? 0) - (a.messages.at(-1)?.created ?? 0) || a.index - b.index);
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.number : "";
    this.list.replaceChildren(...listed.map((person) => this.#row(person, current)));
    if (focused) this.list.querySelector(`[data-number="${CSS.escape(focused)}"]`)?.focus();
  }

  #row({ number, messages }, current) {
    const last = messages.at(-1);
    const unread = this.unread(number, "sms", messages) + this.unread(number, "whatsapp", messages);
    const button = element("button", {
      type: "button", class: "person", "data-number": number, "aria-current": number === current ? "true" : undefined,
    },
      avatar(this.name(number), number),
      element("span", { class: "person-name", text: this.givenName(number) || (isAddress(number) ? number : spaced(number)) }),
      element("span", { class: "person-time", text: last ? shortTime(last.created) : "" }),
      element("span", { class: "person-last", dir: "auto", text: last ? lastWords(last) : spaced(number) }),
      unread ? element("span", { class: "badge", text: String(unread) }, element("span", { class: "unseen", text: " unread" })) : null,
    );
    button.addEventListener("click", () => this.onChoose(number));
    return element("li", {}, button);
  }
}

function lastWords(entry) {
  if (entry.call) return told(entry.call);
  return `${entry.inbound ? "You: " : ""}${snippet(entry)}`;
}

export function avatar(name, number) {
  const made = element("span", { class: "avatar", "aria-hidden": "true" });
  paintAvatar(made, name, number);
  return made;
}

export function paintAvatar(made, name, number) {
  const words = /^([+\d]|[A-Z]{2}\.)/.test(name) ? [] : name.split(/\s+/);
  made.textContent = words.length ? words.slice(0, 2).map((word) => word[0]).join("") : number.slice(-2);
  made.dataset.tone = String([...number].reduce((sum, digit) => sum + digit.charCodeAt(0), 0) % TONES);
}

// Easier on the eye than fifteen digits in a row; what is sent is the number as it is.
export function spaced(number) {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return american ? `+1 ${american[1]} ${american[2]} ${american[3]}` : number === "anonymous" ? "Withheld number" : number;
}
