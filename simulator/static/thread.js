// The bubbles of one conversation, drawn once each and changed in place.

import { clockTime, dayName, element, icon } from "./dom.js";

const DELIVERY = {
  scheduled: ["clock", "Scheduled"],
  accepted: ["clock", "Accepted"],
  queued: ["clock", "Queued"],
  sending: ["clock", "Sending"],
  sent: ["check", "Sent"],
  delivered: ["checks", "Delivered"],
  read: ["checks", "Read"],
  failed: ["alert", "Failed"],
  undelivered: ["alert", "Undelivered"],
  canceled: ["alert", "Canceled"],
};
const HANDED_OVER = {
  waiting: ["clock", "On its way to Ringback"],
  accepted: ["check", "Taken by Ringback"],
  failed: ["alert", "Not taken by Ringback"],
};
// Messages of one side closer than this look like one breath.
const BREATH_MS = 120_000;

export class Thread {
  #items = new Map();

  constructor(list, onRaw) {
    this.list = list;
    this.onRaw = onRaw;
  }

  bubble(sid) {
    return this.#items.get(sid);
  }

  // Draws the messages, oldest first. ``fresh`` starts a new conversation without announcing it.
  draw(messages, fresh) {
    if (fresh) {
      this.list.parentElement.setAttribute("aria-busy", "true");
      this.list.replaceChildren();
      this.#items.clear();
    }
    this.#forgetMissing(messages);
    let before = null;
    for (const message of messages) {
      this.#drawOne(message, before, fresh);
      before = message;
    }
    this.list.parentElement.setAttribute("aria-busy", "false");
  }

  #forgetMissing(messages) {
    const present = new Set(messages.map((message) => message.sid));
    for (const [sid, item] of this.#items) {
      if (!present.has(sid)) {
        item.remove();
        this.#items.delete(sid);
      }
    }
  }

  #drawOne(message, before, fresh) {
    let item = this.#items.get(message.sid);
    if (!item) {
      item = this.#newItem(message, fresh);
      this.#items.set(message.sid, item);
      const newDay = !before || dayName(before.created) !== dayName(message.created);
      if (newDay) this.list.append(element("li", { class: "day", text: dayName(message.created) }));
      const joined = before && !newDay && before.inbound === message.inbound && message.created - before.created < BREATH_MS;
      item.classList.toggle("joined", Boolean(joined));
      this.list.append(item);
    }
    item.querySelector(".body").textContent = message.body || bodiless(message);
    item.querySelector(".body").classList.toggle("blank", !message.body);
    item.querySelector(".state").replaceChildren(...state(message));
    item.querySelector(".meta").dataset.status = message.inbound ? message.webhook : message.status;
  }

  #newItem(message, fresh) {
    const open = element("button", {
      type: "button", class: "raw-open", "aria-expanded": "false", title: "What went over the wire", text: "Raw",
    });
    open.addEventListener("click", () => this.onRaw(message.sid));
    const author = message.author === "twilio" && element("span", { class: "author", text: "Twilio itself" });
    const said = element("span", { class: "unseen", text: message.inbound ? "You: " : "Ringback: " });
    const bubble = element("div", { class: "bubble" }, author || null, said, element("p", { class: "body", dir: "auto" }),
      element("p", { class: "meta" }, element("time", {
        datetime: new Date(message.created).toISOString(), text: clockTime(message.created),
      }), element("span", { class: "state" })));
    const row = element("div", { class: "row" }, bubble, open);
    return element("li", {
      class: `item ${message.inbound ? "mine" : "theirs"}${fresh ? "" : " arrives"}`, "data-sid": message.sid,
    }, row);
  }
}

function bodiless(message) {
  return message.media.length ? `Media: ${message.media.join(", ")}` : "No text";
}

function state(message) {
  const known = message.inbound ? HANDED_OVER[message.webhook] : DELIVERY[message.status];
  const [picture, words] = known ?? ["check", message.status];
  const code = message.error_code ? ` ${message.error_code}` : "";
  const label = element("span", { class: picture === "alert" ? "said" : "unseen", text: `${words}${code}` });
  const mark = element("span", { class: "mark", title: `${words}${code}` }, icon(picture));
  return [mark, label];
}
