// The phone page: a messenger for every customer at once, talking to the local Twilio.

import { element } from "./dom.js";
import { Live } from "./live.js";
import { paintAvatar, People, spaced } from "./people.js";
import { RawPanel } from "./raw.js";
import { Thread } from "./thread.js";

const $ = (id) => document.getElementById(id);
const app = $("app");
const narrow = window.matchMedia("(max-width: 719px)");

// A model may take a while; after this long silence is worth saying so.
const PATIENCE_MS = 20_000;
const SILENT = "No reply so far. While a person has the conversation, and after STOP, the assistant is silent: ringback show tells.";
const NEAR_END_PX = 80;
const E164 = /^\+[1-9]\d{6,14}$/;

const messages = new Map(); // sid -> message
let ours = "";
let started = Promise.resolve(); // what is typed before we know whom we write to is sent when we do
let current = ""; // the customer whose phone this is
let channel = "sms";
let drawn = ""; // the conversation on screen
let waitTimer = 0;

const thread = new Thread($("thread"), (sid) => raw.toggle(messages.get(sid)));
const raw = new RawPanel($("wire"), (sid) => thread.bubble(sid));
const people = new People($("people"), (number) => go(number, lastChannel(number)));
const live = new Live(take, showLive);

// Which conversation is open stands in the address, so that Back and reload do what one expects.

function go(number, toChannel) {
  const hash = `#${number}/${toChannel}`;
  if (location.hash === hash) open(number, toChannel);
  else location.hash = hash;
}

function readAddress() {
  const [number, wanted] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (E164.test(number) || people.has(number)) {
    people.meet(number);
    open(number, wanted === "whatsapp" ? "whatsapp" : "sms");
  } else {
    app.dataset.view = "list";
    if (!current) open(people.numbers[0], "sms", "list");
  }
}

function open(number, toChannel, view = "thread") {
  current = number;
  channel = toChannel;
  app.dataset.view = view;
  app.dataset.channel = channel;
  $("who-name").textContent = people.name(number);
  $("who-number").textContent = people.givenName(number) ? spaced(number) : "";
  paintAvatar($("who-avatar"), people.name(number), number);
  for (const input of document.getElementsByName("channel")) input.checked = input.value === channel;
  $("text").placeholder = channel === "whatsapp" ? "WhatsApp message" : "Text message";
  draw();
  if (!narrow.matches) $("text").focus({ preventScroll: true });
}

function lastChannel(number) {
  return conversation(number).at(-1)?.channel ?? "sms";
}

function conversation(number) {
  return [...messages.values()].filter((m) => m.customer === number).sort((a, b) => a.seq - b.seq);
}

// Changes from the local Twilio.

function take({ messages: changed, deleted, whole }) {
  if (whole) messages.clear();
  for (const sid of deleted) messages.delete(sid);
  for (const message of changed) {
    messages.set(message.sid, message);
    people.meet(message.customer);
  }
  if (whole) people.forgetSeen(Math.max(0, ...changed.map((m) => m.seq)));
  draw();
}

function draw() {
  const shown = conversation(current).filter((m) => m.channel === channel);
  const here = `${current}/${channel}`;
  const fresh = here !== drawn;
  if (fresh || (raw.sid && !messages.has(raw.sid))) raw.close();
  const atEnd = fresh || nearEnd();
  const grew = shown.length > $("thread").querySelectorAll(".item").length;
  thread.draw(shown, fresh);
  drawn = here;
  drawEmpty(shown.length === 0);
  drawWaiting(shown.at(-1));
  if (raw.sid) raw.refresh(messages.get(raw.sid));
  if (atEnd) $("scroll").scrollTop = $("scroll").scrollHeight;
  else if (grew) $("latest").hidden = false;
  lookAt(shown);
  const conversations = Map.groupBy ? Map.groupBy([...messages.values()].sort((a, b) => a.seq - b.seq), (m) => m.customer) : grouped();
  people.draw(conversations, current);
  drawChannelDots(conversations.get(current) ?? []);
}

function grouped() {
  return new Map(people.numbers.map((number) => [number, conversation(number)]));
}

function lookAt(shown) {
  if (document.hidden || (narrow.matches && app.dataset.view === "list")) return;
  people.look(current, channel, shown);
  if (channel === "whatsapp" && shown.some((m) => m.status === "delivered")) post("/phone/read", { customer: current });
}

function drawEmpty(empty) {
  $("empty").hidden = !empty;
  $("thread").hidden = empty;
  if (empty) $("empty-title").textContent = `No ${channel === "sms" ? "texts" : "WhatsApp messages"} from ${people.name(current)} yet`;
}

function drawChannelDots(mine) {
  for (const input of document.getElementsByName("channel")) {
    const unread = input.value !== channel && people.unread(current, input.value, mine) > 0;
    input.parentElement.querySelector(".new").hidden = !unread;
  }
}

// Quiet dots while a reply is awaited; a sentence when it has been long.
function drawWaiting(last) {
  clearTimeout(waitTimer);
  const waits = Boolean(last?.inbound) && last.webhook !== "failed";
  const age = waits ? Date.now() - last.created : 0;
  const line = $("waiting");
  const kind = !waits ? "" : age < PATIENCE_MS ? "dots" : "late";
  line.hidden = !waits;
  if (kind === "dots") waitTimer = setTimeout(() => draw(), PATIENCE_MS - age + 100);
  if (line.dataset.kind === kind) return;
  line.dataset.kind = kind;
  const dots = element("span", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
  if (kind === "dots") line.replaceChildren(dots, element("span", { class: "unseen", text: "Waiting for a reply" }));
  else line.textContent = kind ? SILENT : "";
}

function nearEnd() {
  const box = $("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
}

function showLive(state) {
  $("live").dataset.state = state;
  $("live-text").textContent = state === "live" ? "Live" : "Reconnecting";
  if (state === "lost") banner("The local Twilio does not answer. Start it with make run; this page comes back by itself.", "lost");
  else if ($("banner").dataset.about === "lost") banner("");
}

function banner(text, about = "send") {
  $("banner").hidden = !text;
  $("banner-text").textContent = text;
  $("banner").dataset.about = text ? about : "";
}

// Sending.

function post(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function send(body) {
  const chosen = current;
  await started.catch(() => {});
  const from = chosen || current;
  const given = { from, to: ours, body, channel, profile_name: people.givenName(from) };
  let problem = "";
  try {
    const response = await post("/phone/send", given);
    const answer = await response.json();
    problem = response.ok ? answer.problem : answer.error;
  } catch {
    problem = "The local Twilio does not answer, so the message was not sent. It is back in the box below.";
    if (!$("text").value) $("text").value = body;
    fit();
  }
  banner(problem);
}

function submit() {
  const body = $("text").value.trim();
  if (!body) return;
  $("text").value = "";
  fit();
  $("scroll").scrollTop = $("scroll").scrollHeight;
  send(body);
}

function fit() {
  const box = $("text");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
  $("send").disabled = !box.value.trim();
  const left = 1600 - box.value.length;
  $("hint").textContent = left < 200 ? `${left} characters left` : "Enter sends, Shift+Enter makes a new line";
}

function addNumber(event) {
  event.preventDefault();
  const number = $("add-number").value.replace(/[\s().-]/g, "").replace(/^00/, "+");
  if (!E164.test(number)) {
    $("add-error").textContent = "Write it with + and the country code, for example +15557654321.";
    $("add-number").focus();
    return;
  }
  people.add(number, $("add-name").value.trim());
  $("add").reset();
  showAdd(false);
  go(number, "sms");
}

function showAdd(shown) {
  $("add").hidden = !shown;
  $("add-error").textContent = "";
  $("add-open").setAttribute("aria-expanded", String(shown));
  if (shown) $("add-number").focus();
}

function listen() {
  window.addEventListener("hashchange", readAddress);
  document.addEventListener("visibilitychange", () => !document.hidden && draw());
  $("composer").addEventListener("submit", (event) => (event.preventDefault(), submit(), $("text").focus()));
  $("text").addEventListener("input", fit);
  $("text").addEventListener("keydown", (event) => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  for (const input of document.getElementsByName("channel")) {
    input.addEventListener("change", () => go(current, input.value));
  }
  $("back").addEventListener("click", () => (location.hash = ""));
  $("banner-close").addEventListener("click", () => banner(""));
  $("add-open").addEventListener("click", () => showAdd($("add").hidden));
  $("add-cancel").addEventListener("click", () => (showAdd(false), $("add-open").focus()));
  $("add").addEventListener("submit", addNumber);
  $("latest").addEventListener("click", () => $("scroll").scrollTo({ top: $("scroll").scrollHeight }));
  $("scroll").addEventListener("scroll", () => nearEnd() && ($("latest").hidden = true), { passive: true });
}

// Which assistant answers is chosen when everything is started; here it is said, and how to choose another.
function showAgent({ id, name, others }) {
  if (!id) return;
  const [first, ...more] = others;
  $("ours").textContent = name;
  $("agent-number").textContent = spaced(ours);
  $("agent-name").textContent = name;
  $("empty-agent").textContent = `Answered by ${name}. `;
  $("agent-how").hidden = !first;
  $("agent-command").textContent = `DEFAULT_AGENT_ID=${first} make run`;
  $("agent-more").textContent = more.length ? ` (or ${more.join(", ")}).` : ".";
  $("agent").hidden = false;
}

async function start() {
  const state = await (await fetch("/phone/state")).json();
  ours = state.numbers[0];
  $("ours").textContent = spaced(ours);
  showAgent(state.agent);
  people.learn(state.customers);
  $("examples").replaceChildren(...state.examples.map((text) => {
    const button = element("button", { type: "button", text, dir: "auto" });
    button.addEventListener("click", () => (send(text), $("text").focus()));
    return element("li", {}, button);
  }));
  people.greet(state.messages);
  take(state);
  readAddress();
  live.start(state.cursor);
}

listen();
started = start();
started.catch(() => {
  showLive("lost");
  setTimeout(() => location.reload(), 3000);
});
