// That a reply is awaited: quiet dots, who is typing, and a sentence when it has been long.

import { element } from "./dom.js";

const $ = (id) => document.getElementById(id);
// A model may take a while; after this long silence is worth saying so.
const PATIENCE_MS = 20_000;
const SILENT = "No reply so far. While a person has the conversation, and after STOP, the assistant is silent: ringback show tells.";
let timer = 0;

// ``last`` is the newest entry of the conversation; ``again()`` is called when the dots have been long enough.
export function drawWaiting(last, typing, again) {
  clearTimeout(timer);
  const waits = Boolean(last?.inbound) && !last.call && last.webhook !== "failed";
  const age = waits ? Date.now() - last.created : 0;
  const kind = typing ? "typing" : !waits ? "" : age < PATIENCE_MS ? "dots" : "late";
  if (kind === "dots" || kind === "typing") timer = setTimeout(again, Math.max(1000, PATIENCE_MS - age + 100));
  const line = $("waiting");
  line.hidden = !kind;
  $("typing").hidden = kind !== "typing";
  if (line.dataset.kind === kind) return;
  line.dataset.kind = kind;
  const dots = element("span", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
  const words = { dots: "Waiting for a reply", typing: "Ringback is typing" }[kind];
  if (words) line.replaceChildren(dots, element("span", { class: "unseen", text: words }));
  else line.textContent = kind ? SILENT : "";
}
