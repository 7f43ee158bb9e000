// WhatsApp's 24 hours: how long Ringback may still write freely to this customer.

const $ = (id) => document.getElementById(id);
const MINUTE = 60_000;

export class WindowClock {
  #window = null;
  #shown = false;
  #skew = 0; // between the local Twilio's clock and ours

  // onClose(): the day is to be over now.
  constructor(onClose) {
    $("window-over").addEventListener("click", onClose);
    setInterval(() => this.#tick(), 10_000);
  }

  set now(theirs) {
    this.#skew = theirs - Date.now();
  }

  draw(shown, open) {
    this.#shown = shown;
    this.#window = open ?? null;
    this.#tick();
  }

  #tick() {
    const box = $("window");
    box.hidden = !this.#shown;
    if (!this.#shown) return;
    const left = this.#window ? this.#window.ends - (Date.now() + this.#skew) : 0;
    box.dataset.state = left > 0 ? (left < 60 * MINUTE ? "short" : "open") : "closed";
    $("window-over").hidden = left <= 0;
    const words = left > 0 ? `Ringback may write freely for ${span(left)}`
      : this.#window ? "24 hours are over: only templates until you write" : "Only templates until you write";
    if ($("window-text").textContent !== words) $("window-text").textContent = words;
  }
}

export function span(ms) {
  const minutes = Math.max(1, Math.ceil(ms / MINUTE));
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return hours ? `${hours} h${rest ? ` ${rest} min` : ""}` : `${rest} min`;
}
