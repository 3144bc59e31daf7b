// The page: asks once a second what there is, shows it, and passes on what is pressed.

import { prepareSwitches } from "./switches.js";
import * as views from "./views.js";
import * as words from "./words.js";

const { DIGITS, say, spoken } = words;
const PAUSE = 1000; // ms between two looks
const VENDORS = ["tencent", "chuangrui", "zhenzi", "chuangxin", "largesms"];
const OFTEN = { once: 1, ten: 10, always: null };
const KINDS = {
  lost: [{ kind: "drop_after" }, { kind: "504" }, { kind: "garbage" }, { kind: "truncated" }, { kind: "delay", seconds: 5 }],
  untaken: [{ kind: "drop_before" }, { kind: "503" }, { kind: "html" }, { kind: "hang" }],
  refused: [
    { kind: "throttle", reason: "number" },
    { kind: "throttle", reason: "account" },
    { kind: "suspended", reason: "balance" },
    { kind: "suspended", reason: "credentials" },
  ],
};

const at = (id) => document.getElementById(id);
const state = { chosen: decodeURIComponent(location.hash.slice(1)), shown: null, text: "", turn: 0 };
let timer = 0;
let hush = 0;

function announce(text) {
  at("said").textContent = text;
  at("said").hidden = false;
  clearTimeout(hush);
  hush = setTimeout(() => (at("said").hidden = true), 4000);
}

async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    announce(say("away"));
    return false;
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    announce(say("wrong", { error: said.error ? `${said.field}: ${said.error}` : answer.status }));
  }
  refresh();
  return answer.ok;
}

async function refresh() {
  clearTimeout(timer);
  const turn = ++state.turn;
  const search = at("search").value.replace(/\D/g, "");
  const asked = new URLSearchParams({ search, number: state.chosen });
  try {
    const answer = await fetch(`/_sandbox/page.json?${asked}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    if (turn !== state.turn) return; // another look has begun since
    connected(true);
    if (text !== state.text) {
      state.text = text;
      state.shown = JSON.parse(text);
      show();
    }
  } catch {
    if (turn !== state.turn) return;
    connected(false);
  }
  if (!document.hidden) timer = setTimeout(refresh, PAUSE);
}

function connected(is) {
  at("live").classList.toggle("away", !is);
  views.put(at("live").firstElementChild, say(is ? "live" : "away"));
}

function choose(number) {
  state.chosen = number;
  history.replaceState(null, "", number ? `#${encodeURIComponent(number)}` : location.pathname);
  at("lines").replaceChildren();
  show();
  refresh();
}

function show() {
  const told = state.shown;
  if (!told) return;
  if (!state.chosen && told.handsets.length) return choose(told.handsets[0].number);
  views.put(at("taken"), String(told.totals.taken));
  views.put(at("arrived"), String(told.totals.delivered));
  views.put(at("numbers"), String(told.totals.handsets));
  showHandsets(told);
  showThread(told);
  showFaults(told);
}

function showHandsets(told) {
  views.keyed(
    at("handsets"),
    told.handsets,
    (item) => item.number,
    views.handset(choose),
    views.fillHandset(spoken(), state.chosen),
  );
  at("handsets").hidden = told.handsets.length === 0;
  at("nobody").hidden = told.handsets.length > 0;
  views.put(at("nobody"), say(told.totals.handsets ? "nobody" : "waiting"));
}

function showThread(told) {
  const lines = at("lines");
  const thread = told.thread.filter((item) => item.number === state.chosen);
  const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  const places = new Map();
  const key = (item) => {
    const name = `${item.time} ${item.ending === undefined ? "reply" : item.vendor_id + item.message_id} ${item.text}`;
    places.set(name, (places.get(name) ?? 0) + 1);
    return `${name} ${places.get(name)}`;
  };
  views.keyed(lines, thread, key, views.line, views.fillLine(spoken()));
  if (atEnd) lines.scrollTop = lines.scrollHeight;
  const digits = `digits.${state.chosen.slice(-4)}`;
  const fate = say(digits);
  views.put(at("number"), state.chosen ? views.spaced(state.chosen) : say("pick"));
  views.put(at("fate"), fate === digits ? "" : say("fateOf", { fate }));
  lines.hidden = thread.length === 0;
  at("nothing").hidden = told.totals.handsets > 0;
  showListeners(told, thread);
}

function showListeners(told, thread) {
  const via = at("via");
  const name = (one) => (one.account === one.vendor ? one.vendor : `${one.vendor} · ${one.account}`);
  const create = (one) => new Option(name(one), JSON.stringify(one));
  const same = (one, item) => one.account === item.account && one.vendor === item.vendor;
  const sender = thread.findLast((item) => told.hear.some((one) => same(one, item)));
  const known = via.dataset.number === state.chosen && via.options.length > 0;
  views.keyed(via, told.hear, (one) => JSON.stringify(one), create, () => {});
  at("reply").hidden = !/^1[3-9]\d{9}$/.test(state.chosen);
  if (known || !sender) return;
  via.dataset.number = state.chosen;
  via.selectedIndex = told.hear.findIndex((one) => same(one, sender));
}

function showFaults(told) {
  views.keyed(at("force"), told.faults, (item) => String(item.id), views.fault(end), views.fillFault);
  at("calm").hidden = told.faults.length > 0;
  at("mend").hidden = told.faults.length === 0;
}

async function begin(fault) {
  const count = OFTEN[at("often").value];
  const wanted = { ...fault, vendor: at("vendor").value, ...(count ? { count } : {}) };
  if (await call("POST", "/_sandbox/faults", wanted)) announce(say("began", { fault: views.faultName(fault) }));
}

function end(fault) {
  call("DELETE", `/_sandbox/faults?id=${fault.id}`);
}

async function mend() {
  if (await call("DELETE", "/_sandbox/faults")) announce(say("mended"));
  at("vendor").focus();
}

async function clear() {
  at("sure").close();
  if (!(await call("POST", "/_sandbox/reset"))) return;
  announce(say("cleared"));
  at("search").value = "";
  state.shown = null;
  choose("");
}

async function reply(event) {
  event.preventDefault();
  const { vendor, account } = JSON.parse(at("via").value);
  const said = { number: state.chosen, text: at("text").value, vendor, account };
  if (!(await call("POST", "/_sandbox/mo", said))) return;
  announce(say("replied", { account }));
  at("text").value = "";
}

function kinds() {
  const groups = Object.entries(KINDS).map(([name, faults]) => {
    const buttons = faults.map((fault) => {
      const button = views.make("button.kind", views.faultName(fault));
      button.type = "button";
      button.dataset.kind = [fault.kind, fault.reason].filter(Boolean).join(".");
      button.addEventListener("click", () => begin(fault));
      return button;
    });
    const title = views.make("h3", say(`group.${name}`));
    title.id = `group-${name}`;
    const group = views.make("section", title, views.make("div.chips", ...buttons));
    group.setAttribute("aria-labelledby", title.id);
    return group;
  });
  at("kinds").replaceChildren(...groups);
}

function options(select, pairs) {
  const value = select.value;
  select.replaceChildren(...pairs.map(([name, word]) => new Option(word, name)));
  if (pairs.some(([name]) => name === value)) select.value = value;
}

function talked() {
  at("search").placeholder = say("search");
  at("text").placeholder = say("replyText");
  at("how").textContent = `xinshi sandbox --listen ${location.host} --print-config > xinshi.toml`;
  options(at("vendor"), [["", say("every")], ...VENDORS.map((name) => [name, name])]);
  options(at("often"), Object.keys(OFTEN).map((name) => [name, say(name)]));
  kinds();
  at("fates").replaceChildren(
    ...DIGITS.map((each) => views.make("div", views.make("dt", each), views.make("dd", say(`digits.${each}`)))),
  );
  show();
}

// Up and down go through the handsets, / searches.
function keys(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    at("search").focus();
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.closest(".handsets")) return;
  const buttons = [...at("handsets").querySelectorAll("button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  event.preventDefault();
  if (next) next.focus();
  else if (step < 0) at("search").focus();
}

function start() {
  prepareSwitches(words, talked);
  at("clear").addEventListener("click", () => at("sure").showModal());
  at("no").addEventListener("click", () => at("sure").close());
  at("yes").addEventListener("click", clear);
  at("mend").addEventListener("click", mend);
  at("reply").addEventListener("submit", reply);
  at("search").addEventListener("input", refresh);
  document.addEventListener("keydown", keys);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  refresh();
}

start();
