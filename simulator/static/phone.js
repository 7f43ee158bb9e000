// The phone page: a messenger and a telephone for every customer at once, talking to the local Twilio.

import { adding, E164, isAddress } from "./adding.js";
import { Calls } from "./calls.js";
import { CallView } from "./callview.js";
import { WindowClock } from "./clock.js";
import { Composer } from "./composer.js";
import { element } from "./dom.js";
import { Live } from "./live.js";
import { menuOn } from "./menu.js";
import { paintAvatar, People, spaced } from "./people.js";
import { RawPanel } from "./raw.js";
import { Ringing } from "./ringing.js";
import { post, Refused } from "./server.js";
import { Thread } from "./thread.js";
import { drawWaiting } from "./waiting.js";

const $ = (id) => document.getElementById(id);
const app = $("app");
const narrow = window.matchMedia("(max-width: 719px)");
const NEAR_END_PX = 80;

const messages = new Map(); // sid -> message
let ours = "";
let botName = "Ringback";
let started = Promise.resolve(); // what is typed before we know whom we write to is sent when we do
let current = ""; // the customer whose phone this is
let channel = "sms";
let drawn = ""; // the conversation on screen
let windows = []; // WhatsApp's 24 hours by customer
let typing = []; // to whom Ringback shows that it is typing

const people = new People($("people"), (number) => go(number, lastChannel(number)));
const calls = new Calls(() => followCalls());
const raw = new RawPanel($("wire"), (sid) => thread.bubble(sid));
const callView = new CallView(calls, {
  nameOf: (customer) => people.name(customer), botName: () => botName, onChange: () => draw(),
});
const thread = new Thread($("thread"), {
  find: (sid) => messages.get(sid),
  onRaw: (sid) => raw.toggle(subject(sid)),
  onReply: (message) => composer.reply(message),
  onReact: (message, emoji) => send({ reaction: { emoji, to: message.sid } }),
  onGrow: () => pinned && toEnd(),
  onJoin: (sid) => callView.attend(sid),
  onWords: (sid) => calls.fill(sid).catch(showProblem).then(() => draw()),
  isOpen: (sid) => callView.call?.call_sid === sid,
  botName: () => botName,
  withheld: (call) => calls.withheld(call),
});
const composer = new Composer({ onSend: send, onTrouble: (sentence) => banner(sentence) });
const ringing = new Ringing({ onAnswer: answer, onDecline: (sid) => calls.decline(sid).catch(showProblem), audible: () => callView.voice.on });
const clock = new WindowClock(() => post("/phone/window", { customer: current, to: ours, seconds: 0 }).catch(showProblem));
const live = new Live(take, showLive);
let pinned = true; // the end of the conversation is in sight, and stays so

// Which conversation is open stands in the address, so that Back and reload do what one expects.

function go(number, toChannel) {
  const hash = `#${number}/${toChannel}`;
  if (location.hash === hash) open(number, toChannel);
  else location.hash = hash;
}

function readAddress() {
  const [number, wanted] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (isAddress(number) || people.has(number)) {
    people.meet(number);
    open(number, wanted === "whatsapp" ? "whatsapp" : "sms");
  } else {
    app.dataset.view = "list";
    if (!current) open(people.numbers[0], "sms", "list");
  }
}

function open(number, toChannel, view = "thread") {
  current = number;
  channel = E164.test(number) ? toChannel : "whatsapp";
  app.dataset.view = view;
  app.dataset.channel = channel;
  app.dataset.reach = E164.test(number) ? "phone" : isAddress(number) ? "whatsapp" : "none";
  $("who-name").textContent = people.name(number);
  $("who-number").textContent = people.givenName(number) ? spaced(number) : "";
  paintAvatar($("who-avatar"), people.name(number), number);
  for (const input of document.getElementsByName("channel")) input.checked = input.value === channel;
  composer.turnTo(current, channel);
  draw();
  if (!narrow.matches && !callHere()) composer.focus();
}

function lastChannel(number) {
  const written = (conversations().get(number) ?? []).filter((entry) => !entry.call);
  return written.at(-1)?.channel ?? (E164.test(number) ? "sms" : "whatsapp");
}

// Messages and calls by customer, in the order they happened.
function conversations() {
  const all = new Map(people.numbers.map((number) => [number, []]));
  for (const message of messages.values()) all.get(message.customer)?.push(message);
  for (const call of calls.all) all.get(calls.owner(call))?.push(callEntry(call));
  for (const entries of all.values()) entries.sort((a, b) => a.created - b.created || (a.seq ?? 0) - (b.seq ?? 0));
  return all;
}

const callEntry = (call) => ({ sid: call.call_sid, call, inbound: call.inbound, created: call.created });
const subject = (sid) => messages.get(sid) ?? calls.get(sid) ?? null;

// Changes from the local Twilio.

function take(changes) {
  const { messages: changed, deleted, whole } = changes;
  if (whole) messages.clear();
  for (const sid of deleted) messages.delete(sid);
  for (const message of changed) {
    messages.set(message.sid, message);
    people.meet(message.customer);
  }
  if (whole) people.forgetSeen(Math.max(0, ...changed.map((m) => m.seq)));
  windows = changes.windows ?? windows;
  typing = changes.typing ?? typing;
  if (changes.now) clock.now = changes.now;
  calls.take(changes.calls, changes.calls_gone, whole);
  followCalls();
}

function followCalls() {
  for (const call of calls.all) people.meet(calls.owner(call));
  const rings = calls.all.find((call) => call.live && !call.inbound && call.status === "ringing");
  ringing.draw(rings, botName, rings && people.name(calls.owner(rings)));
  callView.follow();
  draw();
}

function draw() {
  const everyone = conversations();
  const whole = everyone.get(current) ?? [];
  const shown = whole.filter((entry) => entry.call || entry.channel === channel);
  const here = `${current}/${channel}`;
  const fresh = here !== drawn;
  if (fresh || (raw.sid && !subject(raw.sid))) raw.close();
  const atEnd = fresh || nearEnd();
  const grew = shown.length > thread.size;
  thread.draw(shown, fresh);
  drawn = here;
  drawEmpty(shown.length === 0);
  const typed = typing.some((one) => one.customer === current && one.until > Date.now());
  drawWaiting(shown.at(-1), channel === "whatsapp" && typed, draw);
  clock.draw(channel === "whatsapp" && app.dataset.reach !== "none", windows.find((one) => one.customer === current && one.ours === ours));
  drawCall();
  if (raw.sid) raw.refresh(subject(raw.sid));
  if (atEnd) toEnd();
  else if (grew) $("latest").hidden = false;
  lookAt(shown.filter((entry) => !entry.call));
  people.draw(everyone, current);
  drawChannelDots(whole);
}

const callHere = () => Boolean(callView.call) && callView.owner === current;

// The call takes the composer's place in its own conversation, and is a bar to come back by in the others.
function drawCall() {
  const call = callView.call;
  const here = callHere();
  const had = !$("call").hidden && $("call").contains(document.activeElement);
  $("call").hidden = !here;
  $("composer").hidden = here || app.dataset.reach === "none";
  $("oncall").hidden = !call?.live || here;
  $("call-open").disabled = Boolean(call?.live) || app.dataset.reach !== "phone";
  if (call && !here) $("oncall-who").textContent = people.name(callView.owner);
  if (here) callView.draw();
  else if (had) composer.focus();
}

function lookAt(shown) {
  if (document.hidden || (narrow.matches && app.dataset.view === "list")) return;
  people.look(current, channel, shown);
  if (channel === "whatsapp" && shown.some((m) => m.status === "delivered")) {
    post("/phone/read", { customer: current }).catch(() => {});
  }
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

function nearEnd() {
  const box = $("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
}

function toEnd() {
  pinned = true;
  $("scroll").scrollTop = $("scroll").scrollHeight;
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

function showProblem(problem) {
  if (!(problem instanceof Refused)) throw problem;
  banner(problem.message);
}

// Sending and calling.

// True when the local Twilio took it, whatever Ringback then made of it.
async function send(given) {
  const [chosen, chosenChannel] = [current, channel];
  await started.catch(() => {});
  const from = chosen || current;
  toEnd();
  try {
    const answer = await post("/phone/send", { from, to: ours, channel: chosenChannel, profile_name: people.givenName(from), ...given });
    banner(answer.problem);
    return true;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    banner(problem.status ? problem.message : "The local Twilio does not answer, so the message was not sent. It is back in the box below.");
    return false;
  }
}

function callAs(anonymous) {
  callView.start(current, ours, anonymous).then(() => banner("")).catch(showProblem);
}

function answer(sid) {
  const number = calls.owner(calls.get(sid));
  callView.answer(sid).then(() => go(number, "sms")).catch(showProblem);
}

function listen() {
  window.addEventListener("hashchange", readAddress);
  document.addEventListener("visibilitychange", () => !document.hidden && draw());
  for (const input of document.getElementsByName("channel")) {
    input.addEventListener("change", () => go(current, input.value));
  }
  $("back").addEventListener("click", () => (location.hash = ""));
  $("banner-close").addEventListener("click", () => banner(""));
  $("latest").addEventListener("click", () => $("scroll").scrollTo({ top: $("scroll").scrollHeight }));
  $("scroll").addEventListener("scroll", () => ((pinned = nearEnd()) && ($("latest").hidden = true)), { passive: true });
  // What is attached below, a longer text and a call take room from the conversation.
  new ResizeObserver(() => pinned && toEnd()).observe($("scroll"));
  $("oncall").addEventListener("click", () => go(callView.owner, channel));
  adding((number, name) => (people.add(number, name), go(number, "sms")));
  menuOn($("call-open"), "Call", () => [
    { label: `Call ${botName}`, hint: `as ${spaced(current)}`, icon: "phone", onChoose: () => callAs(false) },
    { label: "Call without showing my number", icon: "hidden", onChoose: () => callAs(true) },
  ]);
}

// Which assistant answers is chosen when everything is started; here it is said, and how to choose another.
function showAgent({ id, name, others }) {
  if (!id) return;
  const [first, ...more] = others;
  botName = name;
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
    button.addEventListener("click", () => (send({ body: text }), composer.focus()));
    return element("li", {}, button);
  }));
  people.greet(state.messages);
  take(state);
  readAddress();
  callView.resume();
  live.start(state.cursor);
}

listen();
started = start();
started.catch(() => {
  showLive("lost");
  setTimeout(() => location.reload(), 3000);
});
