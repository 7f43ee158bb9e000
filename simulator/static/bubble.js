// One message as a bubble: its words, and what came with them.

import { clockTime, element, icon } from "./dom.js";
import { mediaView, pictureTypes, placeView } from "./media.js";
import { menuOn } from "./menu.js";

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
const REACTIONS = ["👍", "❤️", "😂", "😮", "🙏"];
const TAPPED = { button: "Tapped a button", list: "Chose from a list" };
const SNIPPET_CHARS = 90;

// ``acts``: find(sid), onRaw(sid), onReply(message), onReact(message, emoji), onGrow().
export function newBubble(message, acts) {
  const open = element("button", {
    type: "button", class: "raw-open", "aria-expanded": "false", title: "What went over the wire", text: "Raw",
  });
  open.addEventListener("click", () => acts.onRaw(message.sid));
  const author = message.author === "twilio" && element("span", { class: "author", text: "Twilio itself" });
  const said = element("span", { class: "unseen", text: message.inbound ? "You: " : "Ringback: " });
  const bubble = element("div", { class: "bubble", "data-kind": message.kind },
    author || null, said, mark(message), about(message, acts), element("div", { class: "media", hidden: true }),
    element("p", { class: "body", dir: "auto" }),
    element("p", { class: "meta" }, element("time", {
      datetime: new Date(message.created).toISOString(), text: clockTime(message.created),
    }), element("span", { class: "state" })));
  return element("div", { class: "row" }, bubble, open, message.channel === "whatsapp" && moreButton(message, acts));
}

// What may change after a message was drawn: its words, its files, how far it has come.
export function refreshBubble(item, message, acts) {
  const body = item.querySelector(".body");
  const words = wordsOf(message);
  body.textContent = words || (message.media.length || message.location || message.template ? "" : "No text");
  body.hidden = !body.textContent;
  body.classList.toggle("blank", !words);
  drawMedia(item.querySelector(".media"), message, acts);
  item.querySelector(".state").replaceChildren(...state(message));
  item.querySelector(".meta").dataset.status = message.inbound ? (message.read ? "read" : message.webhook) : message.status;
}

function drawMedia(box, message, acts) {
  const key = JSON.stringify([message.media, message.location]);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const view = (medium) => mediaView(medium, message.kind === "sticker", acts.onGrow);
  const pictures = message.media.filter((medium) => medium.url && pictureTypes.test(medium.content_type));
  const views = message.media.filter((medium) => !pictures.includes(medium)).map(view);
  if (pictures.length) views.unshift(element("div", { class: pictures.length > 1 ? "gallery" : "" }, ...pictures.map(view)));
  if (message.location) views.push(placeView(message.location));
  box.replaceChildren(...views);
  box.hidden = views.length === 0;
}

// Of a template only what was filled in is known here: its text lies at Twilio.
function wordsOf(message) {
  const [, filled] = message.template ? (/^\[template HX\w+ ?(.*)\]$/s.exec(message.body) ?? []) : [];
  if (filled === undefined) return message.body;
  try {
    return Object.entries(JSON.parse(filled)).map(([name, value]) => `{{${name}}} ${value}`).join("\n");
  } catch {
    return filled;
  }
}

function mark(message) {
  if (message.template) return element("p", { class: "kind", title: message.template }, icon("template"),
    element("span", { text: `Template ${message.template.slice(0, 6)}…${message.template.slice(-4)}` }));
  const tapped = TAPPED[message.kind];
  return tapped ? element("p", { class: "kind" }, icon("tap"), element("span", { text: tapped })) : null;
}

function about(message, acts) {
  const first = message.reply_to && acts.find(message.reply_to);
  if (!first) return null;
  const button = quoteOf(first, "button");
  button.addEventListener("click", () => acts.onShow(first.sid));
  return button;
}

// A line of an earlier message, as a reply shows it.
export function quoteOf(message, tag = "div") {
  return element(tag, { class: "quote", ...(tag === "button" ? { type: "button", title: "Show it" } : {}) },
    element("b", { text: message.inbound ? "You" : "Ringback" }), element("span", { dir: "auto", text: snippet(message) }));
}

// A few words for a message, whatever it holds.
export function snippet(message) {
  if (message.kind === "reaction") return `Reacted ${message.body}`;
  const words = wordsOf(message).trim();
  if (words) return words.length > SNIPPET_CHARS ? `${words.slice(0, SNIPPET_CHARS)}…` : words;
  if (message.location) return `Place: ${message.location.label || message.location.address || "pinned"}`;
  const kinds = { image: "Picture", audio: "Voice or sound", video: "Film", document: "Document", sticker: "Sticker", contact: "Contact" };
  const [name, count] = [kinds[message.kind] ?? "File", message.media.length];
  if (message.template) return "Template";
  return count ? (count > 1 ? `${count} files` : name) : "No text";
}

function moreButton(message, acts) {
  const button = element("button", { type: "button", class: "more-open", title: "Reply or react" }, icon("dots"),
    element("span", { class: "unseen", text: "Reply or react" }));
  menuOn(button, "Reply or react", () => [
    { label: "Reply", icon: "reply", onChoose: () => acts.onReply(message) },
    ...REACTIONS.map((emoji) => ({ label: emoji, tone: "emoji", onChoose: () => acts.onReact(message, emoji) })),
  ]);
  return button;
}

function state(message) {
  const known = message.inbound ? HANDED_OVER[message.webhook] : DELIVERY[message.status];
  const [picture, words] = message.inbound && message.read ? ["checks", "Read by Ringback"] : known ?? ["check", message.status];
  const code = message.error_code ? ` ${message.error_code}` : "";
  const label = element("span", { class: picture === "alert" ? "said-state" : "unseen", text: `${words}${code}` });
  const sign = element("span", { class: "mark", title: `${words}${code}` }, icon(picture));
  return [sign, label];
}
