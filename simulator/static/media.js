// Files in a message: pictures, sound, films, documents, contacts. What they hold is shown, never run.

import { element, icon } from "./dom.js";

export const pictureTypes = /^image\/(jpeg|png|gif|webp)$/;
const CARD_TYPES = /^text\/(x-)?vcard$/;

// ``onGrow()`` when a picture has come and the conversation is longer than before.
export function mediaView(medium, sticker, onGrow) {
  if (!medium.url) return linkChip(medium);
  const { url, content_type: type } = medium;
  if (pictureTypes.test(type)) return picture(medium, sticker, onGrow);
  const player = { src: url, controls: true, preload: "metadata" };
  if (type.startsWith("audio/")) return element("audio", { class: "sound", ...player, "aria-label": medium.name || "Sound" });
  if (type.startsWith("video/")) return element("video", { class: "film", ...player, "aria-label": medium.name || "Film" });
  return CARD_TYPES.test(type) ? contactChip(medium) : fileChip(medium, true);
}

function picture(medium, sticker, onGrow) {
  const image = element("img", { src: medium.url, alt: medium.name ? `Picture: ${medium.name}` : "Picture", loading: "lazy", decoding: "async" });
  const link = element("a", { class: sticker ? "sticker" : "picture", href: medium.url, target: "_blank", rel: "noreferrer" }, image);
  image.addEventListener("load", onGrow);
  image.addEventListener("error", () => link.replaceWith(goneChip(medium)));
  return link;
}

// A document; with ``opens`` it is a link to the file.
export function fileChip(medium, opens = false) {
  const kind = (/\.([A-Za-z0-9]{1,5})$/.exec(medium.name ?? "")?.[1] ?? medium.content_type.split("/").pop()).toUpperCase();
  const attributes = opens ? { href: `${medium.url}?download=1`, download: medium.name || true } : {};
  return element(opens ? "a" : "span", { class: "chip", ...attributes }, icon("document"),
    element("span", { class: "chip-name", text: medium.name || "Document" }),
    element("span", { class: "chip-more", text: [kind, medium.size ? sizeOf(medium.size) : ""].filter(Boolean).join(", ") }));
}

function contactChip(medium) {
  const name = element("span", { class: "chip-name", text: medium.name?.replace(/\.vcf$/i, "") || "Contact" });
  const more = element("span", { class: "chip-more", text: "Contact" });
  readCard(medium.url).then((card) => {
    if (card.name) name.textContent = card.name;
    if (card.phone) more.textContent = card.phone;
  }).catch(() => {});
  return element("a", { class: "chip contact", href: `${medium.url}?download=1`, download: medium.name || true }, icon("person"), name, more);
}

async function readCard(url) {
  const text = (await (await fetch(url)).text()).slice(0, 20_000);
  const field = (name) => new RegExp(`^${name}[^:\\r\\n]*:(.*)$`, "mi").exec(text)?.[1].trim().replace(/\\([,;\\])/g, "$1") ?? "";
  return { name: field("FN"), phone: field("TEL") };
}

function linkChip(medium) {
  const name = medium.name || medium.link || "Media";
  const why = medium.error || hostOf(medium.link);
  const safe = /^https?:\/\//.test(medium.link ?? "");
  return element(safe ? "a" : "span", { class: "chip", ...(safe ? { href: medium.link, target: "_blank", rel: "noreferrer noopener" } : {}) },
    icon("link"), element("span", { class: "chip-name", text: name }), why && element("span", { class: "chip-more", text: why }));
}

function goneChip(medium) {
  return element("span", { class: "chip" }, icon("document"), element("span", { class: "chip-name", text: medium.name || "Picture" }),
    element("span", { class: "chip-more", text: "No longer there" }));
}

function hostOf(link) {
  try {
    return new URL(link).host;
  } catch {
    return "";
  }
}

// A place as a small drawn map: no map of the world is fetched for it.
export function placeView({ latitude, longitude, address, label }) {
  const spot = `${Number(latitude).toFixed(4)}, ${Number(longitude).toFixed(4)}`;
  const more = [address, spot].filter(Boolean);
  return element("div", { class: "place" }, element("div", { class: "map", "aria-hidden": "true" }, icon("pin")),
    element("p", { class: "place-name", text: label || address || "Place", dir: "auto" }),
    ...more.filter((text) => text !== (label || address)).map((text) => element("p", { class: "place-more", text, dir: "auto" })));
}

export function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
