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
  cross: "M4 4l8 8M12 4l-8 8",
  dots: "M3.200 8h.01M8 8h.01M12.800 8h.01",
  document: "M4 1.800h5l3.200 3.200v9.200H4zM9 1.800V5h3.200",
  end: "M1.800 9.600c3.600-3.400 8.800-3.400 12.400 0l-1.900 1.900-2.500-1.300V8.300a8.500 8.500 0 0 0-3.600 0v1.900l-2.500 1.300z",
  forward: "M9.500 3.500L13.500 7.500l-4 4M13 7.500H7a4.500 4.500 0 0 0-4.500 4.500",
  incoming: "M13 3L8.500 7.500M8.500 4v3.500H12M5.300 2.500H3.200a1 1 0 0 0-1 1.100 11.300 11.300 0 0 0 10.200 10.200 1 1 0 0 0 1.100-1v-2.100l-3-1.200-1.300 1.400a9 9 0 0 1-4.100-4.100l1.400-1.300z",
  hidden: "M2 2l12 12M6.500 3.700A7 7 0 0 1 8 3.500c3 0 5.300 2 6.500 4.500a8.600 8.600 0 0 1-1.700 2.400M4.300 4.900A8.500 8.500 0 0 0 1.500 8C2.700 10.500 5 12.500 8 12.500a6.600 6.600 0 0 0 3.200-.800M6.700 6.800a1.800 1.800 0 0 0 2.500 2.500",
  keys: "M4 3.500h.01M8 3.500h.01M12 3.500h.01M4 8h.01M8 8h.01M12 8h.01M4 12.500h.01M8 12.500h.01M12 12.500h.01",
  link: "M6.700 9.300l2.600-2.600M7.300 4.700L9 3a2.800 2.800 0 0 1 4 4l-1.700 1.700M8.700 11.300L7 13a2.800 2.800 0 0 1-4-4l1.700-1.700",
  list: "M6 4h8M6 8h8M6 12h8M2.500 4h.01M2.500 8h.01M2.500 12h.01",
  mic: "M8 1.800a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0v-4a2 2 0 0 1 2-2zM3.500 7.800a4.500 4.500 0 0 0 9 0M8 12.300v2",
  music: "M6 12.500V3.500l7-1.300v9M6 12.500a1.800 1.800 0 1 1-3.600 0 1.800 1.800 0 0 1 3.600 0zM13 11.200a1.800 1.800 0 1 1-3.600 0 1.800 1.800 0 0 1 3.600 0z",
  mute: "M6 6v1.800a2 2 0 0 0 3.200 1.600M10 7V3.800a2 2 0 0 0-3.900-.600M3.500 7.800a4.500 4.500 0 0 0 7.600 3.200M12.500 7.800a4.500 4.500 0 0 1-.300 1.600M8 12.300v2M2 2l12 12",
  person: "M8 8a2.800 2.800 0 1 0 0-5.600A2.800 2.800 0 0 0 8 8zM2.800 13.800c.400-2.600 2.500-3.800 5.200-3.800s4.800 1.200 5.200 3.800",
  phone: "M5.300 2.500H3.200a1 1 0 0 0-1 1.100 11.300 11.300 0 0 0 10.200 10.200 1 1 0 0 0 1.100-1v-2.100l-3-1.200-1.300 1.400a9 9 0 0 1-4.100-4.100l1.400-1.300z",
  picture: "M2 3h12v10H2zM2 11l3.500-3.500 2.500 2.500 2.500-2.500L14 11M10.500 5.500h.01",
  pin: "M8 14.300c3-3.300 4.500-5.700 4.500-7.800a4.500 4.500 0 0 0-9 0c0 2.100 1.500 4.500 4.500 7.800zM8 8a1.600 1.600 0 1 0 0-3.200A1.600 1.600 0 0 0 8 8z",
  reply: "M6.500 3.500L2.500 7.500l4 4M3 7.500h6a4.500 4.500 0 0 1 4.500 4.500",
  tap: "M6 9V3.300a1.300 1.300 0 0 1 2.600 0V7l3.600.800a1.500 1.500 0 0 1 1.100 1.800l-.900 4.200H7.200L4 9.900a1.200 1.200 0 0 1 2-1.200z",
  template: "M2.500 2.500h11v4h-11zM2.500 9.500h4.500v4h-4.500zM10 9.500h3.500v4H10z",
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
