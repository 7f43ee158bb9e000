// The words of a call as they stand on the page: who spoke, what was pressed, what went wrong.

import { element, icon } from "./dom.js";
import { spaced } from "./people.js";

const SURE = 0.9; // what the recogniser is surer of needs no word about it
const ENDED = {
  completed: "Ended", busy: "Declined", failed: "Failed", "no-answer": "No answer", canceled: "Canceled",
};
const DIALLED = {
  completed: "The transfer is over", "no-answer": "Nobody took the transferred call", busy: "The transfer was busy",
  failed: "The transfer could not be made", answered: "The transferred call was taken", canceled: "The transfer was given up",
};
const callee = (text) => (/^\+\d+$/.test(text) ? spaced(text) : text);
const keys = (text) => [...text].join(" ");

// What a line says in passing: [icon, words], or nothing where a caller would notice nothing.
const PASSING = {
  "bot/play": (line) => (/^[\d*#wW]+$/.test(line.text)
    ? ["keys", `Plays the keys ${keys(line.text)}`] : ["music", `Music, ${fileOf(line.text)}`]),
  "bot/dial": (line) => ["forward", `Put through to ${callee(line.text)}`],
  "bot/enqueue": (line) => ["clock", `In the queue “${line.text}”`],
  "bot/hangup": () => ["end", "Ringback hung up"],
  "bot/reject": () => ["end", "Ringback does not take the call"],
  "caller/digits": (line) => ["keys", `Keys ${keys(line.text)}`],
  "caller/silence": () => ["mute", "You said nothing"],
  "caller/hangup": () => ["end", "You hung up"],
  "caller/answer": () => ["phone", "You answered"],
  "caller/decline": () => ["end", "You declined"],
  "system/dialled": (line) => ["forward", DIALLED[line.text] ?? `The transfer ended: ${line.text}`],
};

// The elements of a transcript by line, drawn once and changed in place. ``bot`` is the assistant's name.
export class Transcript {
  #rows = new Map();

  constructor(list) {
    this.list = list;
  }

  clear() {
    this.#rows.clear();
    this.list.replaceChildren();
  }

  draw(call, bot, spokenSeq = 0) {
    let before = null;
    for (const line of call.transcript) {
      const known = this.#rows.get(line.seq);
      const row = known ?? this.#joined(line, before) ?? rowOf(line, bot);
      if (!row) continue;
      before = line;
      if (!this.#rows.has(line.seq)) {
        this.#rows.set(line.seq, row);
        this.list.append(row);
      }
      if (line.cut !== null && !row.dataset.cut) showCut(row, line);
      row.toggleAttribute("data-spoken", line.seq === spokenSeq);
    }
  }

  // Keys pressed one after the other are one line.
  #joined(line, before) {
    if (line.kind !== "digits" || before?.kind !== "digits") return null;
    const row = this.#rows.get(before.seq);
    row.querySelector("span").textContent += ` ${keys(line.text)}`;
    this.#rows.set(line.seq, row);
    return row;
  }
}

function rowOf(line, bot) {
  const passing = PASSING[`${line.who}/${line.kind}`]?.(line);
  if (passing) return element("li", { class: "aside" }, icon(passing[0]), element("span", { text: passing[1] }));
  if (line.kind === "error" || line.kind === "warning") return troubleRow(line);
  if (line.kind === "say") return spokenRow(line.who === "bot" ? bot : "Twilio itself", line, "theirs");
  if (line.kind === "speech") return spokenRow("You", line, "mine");
  return null;
}

function spokenRow(who, line, side) {
  const doubtful = typeof line.confidence === "number" && line.confidence < SURE;
  const sure = doubtful && element("span", {
    class: "sure", text: `heard with ${Math.round(line.confidence * 100)}%`, title: "How sure the speech recognition is",
  });
  return element("li", { class: `said ${side}` },
    element("span", { class: "speaker", text: who }, sure || null),
    element("p", { dir: "auto", lang: line.language || undefined, text: line.text }));
}

function troubleRow(line) {
  return element("li", { class: `trouble ${line.kind}` }, icon("alert"), element("p", { text: troubleText(line) }));
}

// Twilio's debugger: its code and a sentence.
export function troubleText(line) {
  const sentence = line.text.charAt(0).toUpperCase() + line.text.slice(1);
  return line.code ? `Twilio ${line.code}: ${sentence}` : sentence;
}

// What was interrupted was not heard, so it is shown as not heard.
function showCut(row, line) {
  const words = row.querySelector("p");
  if (!words) return;
  row.dataset.cut = "true";
  words.replaceChildren(line.text.slice(0, line.cut), element("s", { text: line.text.slice(line.cut) }));
  row.querySelector(".speaker").after(element("span", { class: "sure", text: line.cut ? "interrupted" : "not heard" }));
}

function fileOf(url) {
  try {
    return new URL(url).pathname.split("/").pop() || new URL(url).host;
  } catch {
    return url;
  }
}

export function lasted(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

// One line for the thread and the list of customers: "Call, 1:05" or why there was none.
export function told(call) {
  if (call.live) return call.status === "in-progress" ? "Call in progress" : call.inbound ? "Calling" : "Incoming call";
  if (call.status === "completed") return call.started ? `Call, ${lasted(call.duration)}` : "Call, ended before it was answered";
  if (call.inbound) {
    const refused = call.status === "busy" || call.status === "failed";
    return refused ? "Call not taken by Ringback" : `Call: ${endedAs(call).toLowerCase()}`;
  }
  return { busy: "Declined call", "no-answer": "Missed call", canceled: "Missed call", failed: "Call failed" }[call.status] ?? "Call";
}

export const endedAs = (call) => ENDED[call.status] ?? call.status;
export const calledName = callee;
