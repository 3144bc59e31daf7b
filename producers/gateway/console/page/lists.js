// Dead letters and sending them again, inbound messages, suppressed numbers.

import { call } from "./calls.js";
import { keyed, make, put } from "./elements.js";
import { count, moment, scopeName, tone } from "./format.js";
import { seen } from "./live.js";
import { pill, rows } from "./tables.js";
import { say } from "./words.js";

const at = (id) => document.getElementById(id);
const chosen = new Set();
const shown = { dead: null, inbound: [], next: null, away: [], suppression: null, scope: "all", outcome: null };
let announce = () => {};

export function prepare(tell) {
  announce = tell;
  at("dead-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    openDead();
  });
  at("dead-account").addEventListener("change", openDead);
  at("dead-all").addEventListener("change", () => {
    for (const item of replayable()) chosen[at("dead-all").checked ? "add" : "delete"](item.id);
    showDead();
  });
  at("replay").addEventListener("click", () => {
    put(at("sure-title"), say("sure.title", { n: count(chosen.size) }));
    at("sure").showModal();
  });
  at("no").addEventListener("click", () => at("sure").close());
  at("yes").addEventListener("click", replay);
  at("older").addEventListener("click", () => openInbound(shown.next));
  at("inbound-again").addEventListener("click", () => openInbound());
  at("suppress").addEventListener("submit", (event) => {
    event.preventDefault();
    suppress(event.submitter?.value ?? "check");
  });
}

// A shard that is away keeps back its part.
function partly(away) {
  return away.length ? say("partly", { error: away.join("; ") }) : "";
}

/** Ask, and tell what went wrong; undefined then. */
async function ask(...words) {
  try {
    return await call(...words);
  } catch (error) {
    announce(error.message);
    return undefined;
  }
}

export async function openDead() {
  const asked = new URLSearchParams({ account: at("dead-account").value, reason: at("dead-reason").value.trim() });
  const found = await ask("GET", `dead?${asked}`);
  if (!found) return;
  shown.dead = found;
  const ids = new Set(replayable().map((item) => item.id));
  for (const id of chosen) if (!ids.has(id)) chosen.delete(id);
  showDead();
}

function replayable() {
  return (shown.dead?.messages ?? []).filter((item) => item.replayable);
}

function showDead() {
  options(at("dead-account"), [["", say("anyAccount")], ...(seen.told?.accounts ?? []).map(({ name }) => [name, name])]);
  at("dead-reason").placeholder = say("dead.reason");
  at("replay").disabled = chosen.size === 0;
  put(at("replay"), chosen.size ? say("dead.replayN", { n: count(chosen.size) }) : say("dead.replay"));
  const found = shown.dead;
  if (!found) return;
  const all = replayable();
  at("dead-all").checked = all.length > 0 && chosen.size === all.length;
  at("dead-all").indeterminate = chosen.size > 0 && chosen.size < all.length;
  at("dead-all").disabled = all.length === 0;
  at("dead-none").hidden = found.messages.length > 0;
  at("dead-rows").hidden = found.messages.length === 0;
  const more = found.more ? say("dead.more", { n: count(found.messages.length) }) : "";
  put(at("dead-note"), [more, partly(found.away)].filter(Boolean).join(" "));
  rows(at("dead-rows"), found.messages, (item) => item.id, fillDead);
}

function fillDead(cells, item) {
  const [box, ended, message, status, stream, to, account, reason] = cells;
  if (!box.firstElementChild) {
    const input = make("input");
    input.type = "checkbox";
    input.addEventListener("change", () => {
      chosen[input.checked ? "add" : "delete"](item.id);
      showDead();
    });
    box.append(input);
    message.append(link(item.id));
  }
  box.firstElementChild.checked = chosen.has(item.id);
  box.firstElementChild.disabled = !item.replayable;
  box.firstElementChild.setAttribute("aria-label", item.replayable ? item.id : say("dead.gone"));
  put(ended, moment(item.updated_at));
  pill(status, tone(item.status), say(`status.${item.status}`));
  put(stream, item.stream);
  put(to, item.to);
  put(account, item.account || "–");
  put(reason, [item.code, item.reason, item.replayable ? "" : say("dead.gone")].filter(Boolean).join(" "));
}

function link(id) {
  const found = make("a.code", id);
  found.href = `#search/${id}`;
  return found;
}

async function replay() {
  at("sure").close();
  const found = await ask("POST", "dead/replay", { ids: [...chosen] });
  if (!found) return;
  const failed = found.replayed.filter((each) => each.error);
  const n = count(found.replayed.length - failed.length);
  announce(failed.length ? say("dead.part", { n, not: failed.length, error: failed[0].error }) : say("dead.done", { n }));
  chosen.clear();
  await openDead();
}

export async function openInbound(before = "") {
  const found = await ask("GET", `inbound${before ? `?before=${before}` : ""}`);
  if (!found) return;
  shown.inbound = before ? [...shown.inbound, ...found.messages] : found.messages;
  shown.next = found.next;
  shown.away = found.away;
  showInbound();
}

function showInbound() {
  const found = shown.inbound;
  at("inbound-none").hidden = found.length > 0;
  at("inbound-rows").hidden = found.length === 0;
  at("older").hidden = !shown.next;
  put(at("inbound-note"), partly(shown.away));
  rows(at("inbound-rows"), found, (item) => item.id, (cells, item) => {
    put(cells[0], moment(item.received_at));
    put(cells[1], item.from);
    put(cells[2], item.account);
    put(cells[3], item.extension || "–");
    if (!cells[4].firstChild) cells[4].append(item.message_id ? link(item.message_id) : "–");
    if (item.opted_out) pill(cells[5], "doubtful", say("optedOut"));
  });
}

export async function openSuppression(scope = shown.scope) {
  shown.scope = scope;
  const found = await ask("GET", `suppression?${new URLSearchParams({ scope })}`);
  if (!found) return;
  shown.suppression = found;
  showSuppression();
}

function showSuppression() {
  const found = shown.suppression;
  if (!found) return;
  options(at("scope"), found.scopes.map(({ scope }) => [scope, scopeName(scope)]));
  const create = ({ scope }) => {
    const button = make("button.quiet", make("span"), make("b"));
    button.type = "button";
    button.addEventListener("click", () => openSuppression(scope));
    return make("li", button);
  };
  keyed(at("scopes"), found.scopes, (item) => item.scope, create, (row, item) => {
    const [name, number] = row.firstElementChild.children;
    put(name, scopeName(item.scope));
    put(number, count(item.count));
    row.firstElementChild.setAttribute("aria-pressed", String(item.scope === found.scope));
  });
  const all = found.scopes.find((each) => each.scope === found.scope)?.count ?? 0;
  const values = { scope: scopeName(found.scope), n: count(found.numbers.length), all: count(all) };
  put(at("masked-note"), all ? say("someOf", values) : "");
  const numbered = found.numbers.map((number, place) => ({ number, place }));
  keyed(at("masked"), numbered, (item) => String(item.place), () => make("li"), (row, item) => put(row, item.number));
  put(at("suppressed"), shown.outcome ? outcome(shown.outcome) : "");
}

async function suppress(act) {
  const scope = at("scope").value;
  try {
    const body = { act, scope, number: at("number").value };
    shown.outcome = { act, ...(await call("POST", "suppression", body)) };
    put(at("suppressed"), outcome(shown.outcome));
    if (act !== "check") await openSuppression(scope);
  } catch (error) {
    shown.outcome = null;
    put(at("suppressed"), error.message);
  }
}

function outcome({ act, number, scope, scopes, changed }) {
  if (act !== "check") return say(`${act}.${changed ? "yes" : "no"}`, { number, scope: scopeName(scope) });
  return scopes.length ? say("listed", { number, scopes: scopes.map(scopeName).join(", ") }) : say("unlisted", { number });
}

function options(select, pairs) {
  const value = select.value;
  const same = select.options.length === pairs.length && pairs.every(([name, word], place) => select.options[place].value === name && select.options[place].text === word);
  if (same) return;
  select.replaceChildren(...pairs.map(([name, word]) => new Option(word, name)));
  if (pairs.some(([name]) => name === value)) select.value = value;
}

/** Show everything again: the language is another one. */
export function show() {
  showDead();
  showInbound();
  showSuppression();
}
