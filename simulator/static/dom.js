// Building elements. Text always goes in as text, so nothing a message says can become markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, { class: className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

const PATHS = {
  clock: "M8 4.500v3.700l2.300 1.500M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  check: "M3.500 8.500l3 3 6-7",
  checks: "M1 8.500l3 3 5.700-6.700M6.300 8.500l3 3L15 4.800",
  alert: "M8 4.800v3.700M8 11v.01M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
};

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}

const CLOCK = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });
const SHORT_DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

export const clockTime = (ms) => CLOCK.format(new Date(ms));

export function dayName(ms) {
  return isToday(ms) ? "Today" : DAY.format(new Date(ms));
}

export function shortTime(ms) {
  return isToday(ms) ? clockTime(ms) : SHORT_DAY.format(new Date(ms));
}

const isToday = (ms) => new Date(ms).toDateString() === new Date().toDateString();
