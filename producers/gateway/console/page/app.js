// The console: who is signed in, which view is open, language and look.

import * as calls from "./calls.js";
import { put } from "./elements.js";
import { clock, count } from "./format.js";
import * as lists from "./lists.js";
import * as live from "./live.js";
import * as now from "./now.js";
import * as search from "./search.js";
import { prepareSwitches } from "./switches.js";
import { alarms } from "./troubles.js";
import * as words from "./words.js";

const { say } = words;
const VIEWS = ["now", "search", "dead", "inbound", "suppression"];
const STAY = 60_000; // ms between two signs that somebody is here
const AGAIN = 3000; // ms until a lost stream is asked for again

const at = (id) => document.getElementById(id);
const state = { session: null, refused: "", stayed: 0, searching: false };
let hush = 0;

function announce(text) {
  put(at("said"), text);
  at("said").hidden = false;
  clearTimeout(hush);
  hush = setTimeout(() => (at("said").hidden = true), 6000);
}

function signedIn() {
  return Boolean(state.session?.signed_in);
}

function route() {
  const [view, ...rest] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { view: VIEWS.includes(view) ? view : "now", id: rest.join("/") };
}

async function open() {
  const { view, id } = route();
  at("door").hidden = signedIn() || !state.session;
  for (const each of ["tabs", "live", "leave"]) at(each).hidden = !signedIn();
  for (const each of VIEWS) {
    at(each).hidden = !signedIn() || each !== view;
    const tab = document.querySelector(`#tabs a[href="#${each}"]`);
    if (each === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
    if (each === view) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  if (!signedIn()) return showDoor();
  if (view === "now") now.show();
  if (view === "search") {
    if (state.searching) at("wanted").focus();
    state.searching = false;
    await search.open(id);
  }
  if (view === "dead") await lists.openDead();
  if (view === "inbound") await lists.openInbound();
  if (view === "suppression") await lists.openSuppression();
}

function showDoor() {
  if (!state.session) return;
  at("sign-in").hidden = !state.session.configured;
  at("unset").hidden = state.session.configured;
  at("refused").hidden = !state.refused;
  put(at("refused"), state.refused ? say(state.refused) : "");
}

async function enter(event) {
  event.preventDefault();
  try {
    state.session = await calls.enter(at("key").value);
  } catch (error) {
    const words = { 401: "door.wrong", 403: "door.foreign", 429: "door.often" };
    state.refused = words[error.status] ?? "unreachable";
    at("key").select();
    return showDoor();
  }
  at("key").value = "";
  state.refused = "";
  begin();
  at("main").focus();
}

function showWho() {
  put(at("who"), state.session?.operator ?? say("subtitle"));
}

function begin() {
  showWho();
  state.stayed = Date.now();
  if (signedIn()) live.start();
  open();
}

function over() {
  if (!signedIn()) return;
  live.stop();
  state.session = { configured: true, signed_in: false };
  state.refused = "door.over";
  showWho();
  open();
}

async function leave() {
  try {
    state.session = await calls.leave();
  } catch (error) {
    return announce(error.message);
  }
  live.stop();
  location.reload(); // nothing that was shown stays in memory
}

// The stream ended for good: the session is over, or the gateway was away.
async function lost() {
  try {
    const session = await calls.look();
    if (!session.signed_in) return over();
  } catch {
    // tried again below
  }
  setTimeout(() => signedIn() && !document.hidden && live.start(), AGAIN);
}

// Somebody is here: say so about once a minute, so that the session goes on.
async function stay() {
  if (!signedIn() || Date.now() - state.stayed < STAY) return;
  state.stayed = Date.now();
  try {
    state.session = await calls.stay();
  } catch {
    // where it is over, the next call says so
  }
}

function heard(what) {
  at("live").classList.toggle("away", !live.seen.connected);
  put(at("live").firstElementChild, say(live.seen.connected ? "live" : "away"));
  put(at("clock"), live.seen.connected && live.seen.now?.at ? say("shanghai", { time: clock(live.seen.now.at) }) : "");
  const dead = live.seen.now?.dead ?? 0;
  at("dead-count").hidden = !dead;
  put(at("dead-count"), count(dead));
  const wrong = live.seen.told ? alarms() : 0;
  document.title = `${wrong ? `(${wrong}) ` : ""}${say("title")}`;
  if (what !== "away" && route().view === "now") now.show();
  if (what === "now" && route().view === "search") search.follow();
}

function talked() {
  at("wanted").placeholder = say("search.what");
  showWho();
  heard("language");
  search.show();
  lists.show();
  showDoor();
}

// A slash goes to the search, from wherever.
function keys(event) {
  stay();
  if (event.key !== "/" || event.target.matches("input, select, textarea") || !signedIn()) return;
  event.preventDefault();
  state.searching = true;
  if (route().view === "search") open();
  else location.hash = "#search";
}

async function start() {
  now.prepare();
  search.prepare();
  lists.prepare(announce);
  live.listen(heard, lost);
  calls.whenOver(over);
  prepareSwitches(words, talked);
  at("sign-in").addEventListener("submit", enter);
  at("leave").addEventListener("click", leave);
  addEventListener("hashchange", open);
  document.addEventListener("keydown", keys);
  document.addEventListener("pointerdown", stay);
  document.addEventListener("visibilitychange", () => {
    if (!signedIn()) return;
    if (document.hidden) live.stop();
    else live.start();
  });
  try {
    state.session = await calls.look();
  } catch {
    state.session = { configured: true, signed_in: false };
    state.refused = "unreachable";
  }
  begin();
}

start();
