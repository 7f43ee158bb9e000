// What the page asks of the local Twilio, and how a refusal reads.

export class Refused extends Error {
  // ``status`` is 0 where nobody answered.
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const AWAY = "The local Twilio does not answer. Start it with make run, then try again.";

export const get = (path) => ask(path);
export const post = (path, given) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });

// {url, content_type, name, size} of the file as the local Twilio keeps it.
export function upload(file, name) {
  const form = new FormData();
  form.append("file", file, name);
  return ask("/phone/media", { method: "POST", body: form });
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(AWAY, 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error || `The local Twilio answered ${response.status}.`, response.status);
  return answer;
}
