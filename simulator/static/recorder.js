// A voice note from the microphone, in a form that WhatsApp carries where the browser can make one.

const TYPES = ["audio/ogg;codecs=opus", "audio/mp4", "audio/webm;codecs=opus"];
const LONGEST_MS = 120_000;

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder && bestType());
const bestType = () => TYPES.find((type) => MediaRecorder.isTypeSupported(type));

export class Recorder {
  #recorder = null;
  #limit = 0;
  began = 0;

  get recording() {
    return this.#recorder !== null;
  }

  // Resolves when the microphone runs; ``onDone(blob)`` gets the note, or null when it was thrown away.
  async start(onDone) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream, { mimeType: bestType() });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      clearTimeout(this.#limit);
      for (const track of stream.getTracks()) track.stop();
      const kept = this.#recorder === recorder;
      this.#recorder = null;
      onDone(kept ? new Blob(parts, { type: recorder.mimeType.split(";")[0] }) : null);
    };
    this.#recorder = recorder;
    this.began = Date.now();
    this.#limit = setTimeout(() => this.stop(), LONGEST_MS);
    recorder.start();
  }

  stop() {
    this.#recorder?.stop();
  }

  throwAway() {
    const recorder = this.#recorder;
    this.#recorder = null;
    recorder?.stop();
  }
}

export const nameOfNote = (type) => `voice-note.${{ "audio/ogg": "ogg", "audio/mp4": "m4a" }[type] ?? "webm"}`;
