// The raw panel: what really went over the wire for one message or one call.

import { clockTime, element } from "./dom.js";

const TITLES = {
  voice: ["Signed webhook", "Twilio to Ringback"],
  webhook: ["Signed webhook", "Twilio to Ringback"],
  callback: ["Status callback", "Twilio to Ringback"],
  rest: ["REST call", "Ringback to Twilio"],
};

// One panel at a time: in the third pane where there is room, under its bubble elsewhere.
export class RawPanel {
  #sid = "";
  #count = -1;
  #body = null;

  constructor(pane, bubbleOf) {
    this.pane = pane;
    this.bubbleOf = bubbleOf;
    this.roomy = window.matchMedia("(min-width: 1120px)");
    this.roomy.addEventListener("change", () => this.#sid && this.#place());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#sid) this.close(true);
    });
  }

  get sid() {
    return this.#sid;
  }

  // ``subject`` is a message or a call.
  toggle(subject) {
    const sid = sidOf(subject);
    if (this.#sid === sid) return this.close(true);
    this.close();
    this.#sid = sid;
    this.#body = element("div", { class: "raw-body" });
    this.#place();
    this.refresh(subject);
  }

  close(refocus = false) {
    const button = this.bubbleOf(this.#sid)?.querySelector(".raw-open");
    button?.setAttribute("aria-expanded", "false");
    if (refocus) button?.focus();
    document.querySelector(".raw")?.remove();
    this.pane.hidden = true;
    this.#sid = "";
    this.#count = -1;
  }

  // Called for every change of the open subject; fetches only when another request was made.
  async refresh(subject) {
    const sid = sidOf(subject);
    if (sid !== this.#sid || subject.exchanges === this.#count) return;
    this.#count = subject.exchanges;
    const response = await fetch(`/phone/${subject.call_sid ? "calls" : "messages"}/${sid}/raw`).catch(() => null);
    if (sid !== this.#sid) return;
    const found = response?.ok ? (await response.json()).exchanges : [];
    this.#body.replaceChildren(
      ...(found.length ? found.map(exchangeView) : [element("p", { class: "raw-none", text: noneText(subject) })]),
    );
  }

  // The bubble may have been drawn again, or the window may have changed its width.
  #place() {
    const bubble = this.bubbleOf(this.#sid);
    document.querySelector(".raw")?.remove();
    const close = element("button", { type: "button", class: "plain", text: "Close" });
    close.addEventListener("click", () => this.close(true));
    const head = element("header", {}, element("h3", { text: "On the wire" }), close);
    const panel = element("section", { class: "raw", "aria-label": "Raw request and answer", id: "raw" }, head, this.#body);
    this.pane.hidden = !this.roomy.matches;
    if (this.roomy.matches) this.pane.append(panel);
    else bubble?.append(panel);
    bubble?.querySelector(".raw-open").setAttribute("aria-expanded", "true");
    if (!this.roomy.matches) panel.scrollIntoView({ block: "nearest" });
  }
}

const sidOf = (subject) => subject.call_sid ?? subject.sid;

function noneText(subject) {
  if (subject.call_sid) return "Nothing is kept of this call: a call's requests are forgotten when the local Twilio stops.";
  return subject.author === "twilio"
    ? "Twilio wrote this itself: opt-out words are answered by the carrier, not by Ringback."
    : "Nothing was recorded for this message.";
}

function exchangeView(exchange) {
  const [title, way] = TITLES[exchange.kind] ?? ["Request", exchange.kind];
  const again = exchange.attempt > 1 ? `, attempt ${exchange.attempt}` : "";
  return element("article", { class: "exchange" },
    element("h4", { text: title }, element("span", { text: `${way}${again}, ${clockTime(exchange.at)}` })),
    element("p", { class: "line" }, element("b", { text: exchange.method }), ` ${exchange.url}`),
    pairs("Form", [...new URLSearchParams(exchange.body)]),
    pairs("Headers", exchange.headers),
    answerView(exchange),
  );
}

function answerView(exchange) {
  const good = exchange.status >= 200 && exchange.status < 300 && !exchange.error;
  const took = exchange.duration_ms ? `after ${exchange.duration_ms} ms` : "";
  const status = element("p", { class: `line answer ${good ? "good" : "bad"}` },
    element("b", { text: exchange.status ? String(exchange.status) : "No answer" }), ` ${took}`);
  const code = exchange.error_code ? ` (Twilio's debugger: ${exchange.error_code})` : "";
  return element("div", { class: "answered" }, status,
    exchange.error && element("p", { class: "error", text: `${exchange.error}${code}` }),
    exchange.answer && element("pre", { tabindex: "0", text: pretty(exchange.answer) }),
    pairs("Headers", exchange.answer_headers));
}

function pairs(title, rows) {
  if (!rows.length) return null;
  const list = element("dl", {});
  for (const [name, value] of rows) {
    const mark = name === "X-Twilio-Signature" ? "signature" : "";
    list.append(element("div", { class: mark }, element("dt", { text: name }), element("dd", { text: value || "(empty)", class: value ? "" : "blank" })));
  }
  return element("details", { open: title === "Form" || rows.some(([name]) => name === "X-Twilio-Signature") },
    element("summary", { text: title }, element("span", { text: String(rows.length) })), list);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
