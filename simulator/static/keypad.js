// Twelve keys, by finger or by the keyboard's digits.

import { element } from "./dom.js";

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", "+"], ["#", ""],
];
const NAMES = { "*": "Star", "#": "Pound, done" };

export class Keypad {
  constructor(box, onKey) {
    this.box = box;
    box.append(...KEYS.map(([key, letters]) => {
      const button = element("button", { type: "button", "aria-label": NAMES[key] ?? key, "data-key": key },
        element("span", { text: key }), letters && element("i", { text: letters, "aria-hidden": "true" }));
      button.addEventListener("click", () => onKey(key));
      return button;
    }));
    box.addEventListener("keydown", (event) => {
      const button = box.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (button) (event.preventDefault(), button.click());
    });
  }

  get shown() {
    return !this.box.hidden;
  }

  show(shown) {
    if (this.shown === shown) return;
    this.box.hidden = !shown;
    if (shown) this.box.querySelector("button").focus();
  }
}
