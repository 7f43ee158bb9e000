// One conversation in the order it happened, messages and calls, drawn once each and changed in place.

import { newBubble, refreshBubble } from "./bubble.js";
import { newCallLine, refreshCallLine } from "./callline.js";
import { dayName, element } from "./dom.js";

// Messages of one side closer than this look like one breath.
const BREATH_MS = 120_000;

export class Thread {
  #items = new Map();

  // ``acts``: what can be done with a message (bubble.js) and with a call (callline.js).
  constructor(list, acts) {
    this.list = list;
    this.acts = { ...acts, onShow: (sid) => this.show(sid) };
  }

  bubble(sid) {
    return this.#items.get(sid);
  }

  get size() {
    return this.#items.size;
  }

  // Draws messages and calls, oldest first. ``fresh`` starts a new conversation without announcing it.
  draw(entries, fresh) {
    if (fresh) {
      this.list.parentElement.setAttribute("aria-busy", "true");
      this.list.replaceChildren();
      this.#items.clear();
    }
    this.#forgetMissing(entries);
    let before = null;
    for (const entry of entries) {
      this.#drawOne(entry, before, fresh);
      before = entry;
    }
    this.list.parentElement.setAttribute("aria-busy", "false");
  }

  show(sid) {
    const item = this.bubble(sid);
    item?.scrollIntoView({ block: "center" });
    item?.classList.add("shown");
    setTimeout(() => item?.classList.remove("shown"), 1200);
  }

  #forgetMissing(entries) {
    const present = new Set(entries.map((entry) => entry.sid));
    for (const [sid, item] of this.#items) {
      if (!present.has(sid)) {
        item.remove();
        this.#items.delete(sid);
      }
    }
  }

  #drawOne(entry, before, fresh) {
    let item = this.#items.get(entry.sid);
    if (!item) {
      item = this.#newItem(entry, fresh);
      this.#items.set(entry.sid, item);
      const newDay = !before || dayName(before.created) !== dayName(entry.created);
      if (newDay) this.list.append(element("li", { class: "day", text: dayName(entry.created) }));
      const joined = before && !newDay && !before.call && !entry.call && before.inbound === entry.inbound
        && entry.created - before.created < BREATH_MS;
      item.classList.toggle("joined", Boolean(joined));
      this.list.append(item);
    }
    if (entry.call) refreshCallLine(item, entry.call, this.acts);
    else refreshBubble(item, entry, this.acts);
  }

  #newItem(entry, fresh) {
    const side = entry.inbound ? "mine" : "theirs";
    return element("li", { class: `item ${side}${entry.call ? " called" : ""}${fresh ? "" : " arrives"}`, "data-sid": entry.sid },
      entry.call ? newCallLine(entry.call, this.acts) : newBubble(entry, this.acts));
  }
}
