// Finding a message, and its life: every step, and what comes next.

import { call } from "./calls.js";
import { keyed, make, put } from "./elements.js";
import { count, moment, precisely, tone } from "./format.js";
import { facts } from "./tables.js";
import { say, spoken } from "./words.js";

const EVERY = 3000; // ms between two looks at a life that goes on

const at = (id) => document.getElementById(id);
const shown = { found: null, life: null, wanted: "", looked: 0 };

export function prepare() {
  at("find").addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });
}

async function find() {
  const wanted = at("wanted").value.trim();
  try {
    shown.found = await call("POST", "search", { find: wanted });
  } catch (error) {
    shown.found = null;
    at("found").replaceChildren();
    put(at("found-note"), error.message);
    return;
  }
  show();
  const [only, ...others] = shown.found.messages;
  if (!only || others.length) return;
  if (location.hash === `#search/${only.id}`) open(only.id);
  else location.hash = `#search/${only.id}`;
}

/** Look again at the life that is open, as long as it goes on. */
export function follow() {
  const { life, wanted, looked } = shown;
  if (life && life.id === wanted && life.next.event !== "nothing" && Date.now() - looked >= EVERY) open(life.id);
}

/** Open the life of a message; empty: none. */
export async function open(id) {
  shown.wanted = id;
  shown.looked = Date.now();
  if (!id) return;
  try {
    const life = await call("GET", `messages/${encodeURIComponent(id)}`);
    if (shown.wanted !== id) return;
    shown.life = life;
  } catch (error) {
    shown.life = null;
    put(at("found-note"), error.status === 404 ? say("search.none") : error.message);
  }
  show();
}

export function show() {
  const found = shown.found;
  if (found) {
    const word = found.messages.length ? (found.complete ? "found" : "part") : "none";
    const away = found.away.length ? say("partly", { error: found.away.join("; ") }) : "";
    put(at("found-note"), `${say(`search.${word}`, { n: count(found.messages.length) })} ${away}`);
    keyed(at("found"), found.messages, (item) => item.id, card, fillCard);
  }
  at("life").hidden = !shown.life;
  if (shown.life) showLife(shown.life);
}

function card(item) {
  const link = make("a", make("span.row"), make("span.row.muted"));
  link.href = `#search/${item.id}`;
  link.children[0].append(make("time"), make("span.pill"));
  link.children[1].append(make("span"), make("span"));
  return make("li", link);
}

function fillCard(row, item) {
  const [first, second] = row.firstElementChild.children;
  put(first.children[0], moment(item.created_at));
  first.children[1].dataset.tone = tone(item.status);
  put(first.children[1], say(`status.${item.status}`));
  put(second.children[0], `${item.to} · ${item.stream}`);
  put(second.children[1], item.account);
  if (item.id === shown.life?.id) row.firstElementChild.setAttribute("aria-current", "true");
  else row.firstElementChild.removeAttribute("aria-current");
}

function showLife(life) {
  put(at("life-id"), life.id);
  at("life-status").dataset.tone = tone(life.status);
  put(at("life-status"), say(`status.${life.status}`));
  const known = [
    ["to", life.to],
    ["stream", life.stream],
    ["account", life.account],
    ["pinned", life.pin],
    ["created", moment(life.created_at)],
    ["segments", String(life.segments)],
    ["attempts", String(life.attempts)],
    ["template", life.template],
    ["tag", life.tag],
    ["vendorId", life.vendor_message_id],
  ];
  facts(at("life-facts"), known.filter(([, value]) => value));
  const steps = life.steps.map((step) => ({ at: step.at, event: step.event, text: sentence(step) }));
  if (!life.complete) steps.splice(1, 0, { at: "", event: "", text: say("forgotten") });
  steps.push({ at: life.next.at ?? "", event: "next", text: nextOf(life.next) });
  const items = steps.map((step, place) => ({ ...step, key: `${life.id} ${place} ${step.event}` }));
  keyed(at("steps"), items, (item) => item.key, () => make("li", make("time"), make("p")), fillStep);
}

function fillStep(row, item) {
  row.dataset.tone = item.event === "next" ? "next" : tone(item.event);
  put(row.children[0], item.at ? precisely(item.at) : item.event === "next" ? say("next") : "");
  put(row.children[1], item.text);
}

// The gateway's sentences are English; in Chinese a step is told by its parts.
function sentence(step) {
  if (spoken() === "en") return step.text;
  const attempt = step.attempt ? say("attemptN", { n: step.attempt }) : "";
  const until = step.until ? say("untilTime", { time: moment(step.until) }) : "";
  const parts = [say(`status.${step.event}`), step.account, attempt, step.code, step.reason, until];
  return parts.filter(Boolean).join(" · ");
}

function nextOf(next) {
  return spoken() === "en" ? next.text : say(`next.${next.event}`);
}
