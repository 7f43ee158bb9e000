// A call in the thread: one line with time and length, its words behind a disclosure.

import { clockTime, element, icon } from "./dom.js";
import { told, Transcript, troubleText } from "./transcript.js";

const transcripts = new WeakMap();

// ``acts``: onRaw(sid), onJoin(sid), onWords(sid) to have all words fetched, botName(), withheld(call).
export function newCallLine(call, acts) {
  const raw = element("button", {
    type: "button", class: "raw-open", "aria-expanded": "false", title: "What went over the wire", text: "Raw",
  });
  raw.addEventListener("click", () => acts.onRaw(call.call_sid));
  const join = element("button", { type: "button", class: "join", text: "Open", hidden: true });
  join.addEventListener("click", () => acts.onJoin(call.call_sid));
  const words = element("ol", { class: "words" });
  const details = element("details", { class: "call-details", hidden: true }, element("summary", { text: "What was said" }), words);
  details.addEventListener("toggle", () => details.open && acts.onWords(call.call_sid));
  const card = element("div", { class: "bubble call-card" },
    element("p", { class: "call-line" }, icon(call.inbound ? "phone" : "incoming"), element("span", { class: "call-told" }),
      element("time", { datetime: new Date(call.created).toISOString(), text: clockTime(call.created) }), join),
    element("p", { class: "call-wrong", hidden: true }), details);
  transcripts.set(card, new Transcript(words));
  return element("div", { class: "row" }, card, raw);
}

export function refreshCallLine(item, call, acts) {
  const card = item.querySelector(".call-card");
  const words = told(call) + (acts.withheld(call) ? ", number not shown" : "");
  const line = item.querySelector(".call-told");
  if (line.textContent !== words) line.textContent = words;
  item.querySelector(".call-line").classList.toggle("missed", !call.live && !call.started);
  item.querySelector(".join").hidden = !call.live || acts.isOpen(call.call_sid) || call.status !== "in-progress";
  const wrong = call.transcript.findLast?.((one) => one.kind === "error");
  const trouble = item.querySelector(".call-wrong");
  trouble.hidden = !wrong;
  if (wrong) trouble.textContent = troubleText(wrong);
  const details = item.querySelector("details");
  details.hidden = call.live || !call.started;
  if (details.open) transcripts.get(card).draw(call, acts.botName());
}
