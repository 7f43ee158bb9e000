// What changes on the local Twilio, as it changes: server-sent events, and polling while they fail.

const POLL_MS = 2000;
// A stream that ends is normal and comes back at once; only a longer silence is worth a word.
const QUIET_MS = 2500;

export class Live {
  #cursor = "";
  #source = null;
  #poll = 0;
  #lost = 0;

  // onChanges gets {messages, deleted, whole}; onState gets "live" or "lost".
  constructor(onChanges, onState) {
    this.onChanges = onChanges;
    this.onState = onState;
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  start(cursor) {
    this.#cursor = cursor;
    this.#follow();
  }

  // A hidden tab lets its connection go: browsers allow only six to one place.
  #follow() {
    if (document.hidden) {
      this.#source?.close();
      this.#source = null;
    } else if (!this.#source) {
      this.#open();
    }
  }

  #open() {
    const source = new EventSource(`/phone/events?cursor=${encodeURIComponent(this.#cursor)}`);
    this.#source = source;
    source.onopen = () => this.#found();
    source.onmessage = (event) => this.#take(JSON.parse(event.data));
    source.onerror = () => {
      // A closed source never returns by itself, and a reopened one must start from the cursor.
      source.close();
      if (this.#source !== source) return;
      this.#source = null;
      this.#lost ||= setTimeout(() => this.onState("lost"), QUIET_MS);
      this.#poll ||= setTimeout(() => this.#pollOnce(), 300);
    };
  }

  async #pollOnce() {
    try {
      const response = await fetch(`/phone/changes?cursor=${encodeURIComponent(this.#cursor)}`);
      if (!response.ok) throw new Error(String(response.status));
      this.#take(await response.json());
      this.#found();
      this.#follow();
    } catch {
      this.#poll = setTimeout(() => this.#pollOnce(), POLL_MS);
    }
  }

  #found() {
    clearTimeout(this.#lost);
    clearTimeout(this.#poll);
    this.#lost = this.#poll = 0;
    this.onState("live");
  }

  #take(changes) {
    this.#cursor = changes.cursor;
    this.onChanges(changes);
  }
}
