// A small menu beside its button: arrows move, Escape or a click elsewhere closes it, the focus goes back.

import { element, icon } from "./dom.js";

const GAP_PX = 8;
let openNow = null;

// ``choices``: a function giving [{label, hint, icon, tone, onChoose}], asked each time the menu opens.
export function menuOn(button, name, choices) {
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const again = openNow?.button === button;
    close();
    if (!again) open(button, name, choices());
  });
  button.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (openNow?.button !== button) open(button, name, choices());
  });
}

function open(button, name, choices) {
  close();
  const list = element("ul", { class: "menu", role: "menu", "aria-label": name }, ...choices.map(row));
  document.body.append(list);
  openNow = { button, list };
  button.setAttribute("aria-expanded", "true");
  place(button, list);
  items(list)[0]?.focus({ preventScroll: true });
}

function row(choice) {
  const button = element("button", { type: "button", role: "menuitem", tabindex: "-1", class: choice.tone },
    choice.icon && icon(choice.icon),
    element("span", { class: "menu-label", text: choice.label }),
    choice.hint && element("span", { class: "menu-hint", text: choice.hint }));
  button.addEventListener("click", () => {
    close(true);
    choice.onChoose();
  });
  return element("li", { role: "none" }, button);
}

export function close(refocus = false) {
  if (!openNow) return;
  const { button, list } = openNow;
  openNow = null;
  button.setAttribute("aria-expanded", "false");
  list.remove();
  if (refocus) button.focus({ preventScroll: true });
}

// Under the button, or over it where there is no room below; never off the screen.
function place(button, list) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = at.bottom + GAP_PX + height <= window.innerHeight - GAP_PX;
  const left = Math.max(GAP_PX, Math.min(at.left, window.innerWidth - width - GAP_PX));
  list.style.left = `${left}px`;
  list.style.top = `${Math.max(GAP_PX, below ? at.bottom + GAP_PX : at.top - GAP_PX - height)}px`;
}

const items = (list) => [...list.querySelectorAll("[role=menuitem]")];

document.addEventListener("pointerdown", (event) => {
  if (openNow && !openNow.list.contains(event.target) && !openNow.button.contains(event.target)) close();
});
// A conversation that grows moves the button, and the menu goes with it.
function follow() {
  if (openNow?.button.isConnected) place(openNow.button, openNow.list);
  else close();
}
window.addEventListener("resize", follow);
document.addEventListener("scroll", follow, { capture: true, passive: true });
document.addEventListener("keydown", (event) => {
  if (!openNow) return;
  const all = items(openNow.list);
  const here = all.indexOf(document.activeElement);
  const to = { ArrowDown: here + 1, ArrowUp: here - 1 + (here < 1 ? all.length : 0), Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    all[to % all.length]?.focus();
  } else if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    close(true);
  } else if (event.key === "Tab") {
    close(true);
  }
}, { capture: true });
