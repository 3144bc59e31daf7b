// The accounts: how they do, what they did, whether their reports come, what they have left.

import { sparkline } from "./charts.js";
import { make, put } from "./elements.js";
import { age, amount, clock, count, percent, took } from "./format.js";
import { seen } from "./live.js";
import { pill, rows } from "./tables.js";
import { runwayTone } from "./troubles.js";
import { say } from "./words.js";

const OLD = 1800; // seconds after which a balance says since when it is known
const MANY = 10; // as one in so many: what an account refuses or loses is worth a look

const at = (id) => document.getElementById(id);

export function showAccounts() {
  const told = seen.told;
  if (!told) return;
  at("no-accounts").hidden = told.accounts.length > 0;
  at("accounts").hidden = told.accounts.length === 0;
  rows(at("accounts"), told.accounts, (item) => item.name, fillAccount);
}

function fillAccount(cells, item, row) {
  const [name, state, lately, answers, prompt, open, routes, balance, lasts, history] = cells;
  row.dataset.account = item.name;
  if (!name.firstElementChild) name.append(make("span.vendor"), make("span.muted"));
  name.children[0].dataset.vendor = item.adapter;
  put(name.children[0], item.name);
  put(name.children[1], item.adapter === item.name ? "" : item.adapter);
  pill(state, ...stateOf(item));
  showLately(lately, item.lately.counts);
  put(answers, item.lately.answer ? item.lately.answer.map(took).join(" · ") : "–");
  showPrompt(prompt, item);
  const most = item.most_open ?? item.limits.concurrency;
  put(open, item.open === null ? "–" : `${count(item.open)}${most ? ` / ${count(most)}` : ""}`);
  put(routes, Object.entries(item.routes).map(([stream, place]) => `${stream}\u00a0${place}`).join(", ") || say("noRoute"));
  showBalance(balance, lasts, item);
  const drawn = JSON.stringify([item.points, document.documentElement.lang]);
  if (history.dataset.drawn === drawn) return;
  history.dataset.drawn = drawn;
  history.replaceChildren(sparkline(item.points, amount));
}

function stateOf(item) {
  const until = item.until ? say("untilTime", { time: clock(item.until) }) : "";
  if (item.suspended) return ["bad", say("state.suspended"), [item.suspended.code, item.suspended.reason, until].filter(Boolean).join(" ")];
  const tone = { ok: "good", left_alone: "bad", unknown: "calm" }[item.state] ?? "doubtful";
  const most = item.state === "slowed" ? say("mostOpen", { n: item.most_open }) : "";
  const batch = item.most_batch === null ? "" : say("mostBatch", { n: item.most_batch });
  return [tone, say(`state.${item.state}`), [item.reason, until, most, batch].filter(Boolean).join(" ")];
}

function showLately(cell, counts) {
  const bad = (counts.rejected ?? 0) + (counts.undelivered ?? 0);
  const parts = [["taken", counts.submitted ?? 0], ["refusedN", bad], ["unknownN", counts.unknown ?? 0]];
  put(cell, parts.filter(([word, n]) => n || word === "taken").map(([word, n]) => say(word, { n: count(n) }).replaceAll(" ", "\u00a0")).join(" · "));
  cell.dataset.tone = (bad + (counts.unknown ?? 0)) * MANY > (counts.submitted ?? 0) ? "doubtful" : "";
}

// How many reports come in time, as usual or not, and what routing makes of it.
function showPrompt(cell, { reports, prompt }) {
  if (!cell.firstElementChild) cell.append(make("b"), make("span.under"));
  const known = prompt !== null && prompt.share !== null;
  const usual = known && prompt.usual !== null ? say("usually", { share: percent(prompt.usual) }) : "";
  const heeded = known && prompt.slow ? say(prompt.steps_back ? "stepsBack" : "fewer") : "";
  const unknown = reports ? (prompt ? say("tooFew") : "–") : say("noReports");
  put(cell.children[0], known ? percent(prompt.share) : "");
  put(cell.children[1], known ? [usual, heeded].filter(Boolean).join(" · ") : unknown);
  cell.dataset.tone = known && prompt.slow ? "doubtful" : "";
}

function showBalance(cell, lasts, item) {
  const balance = item.balance;
  const unit = balance?.unit ? say(`unit.${balance.unit}`) : "";
  const mark = balance?.postpaid ? say("postpaid") : balance?.hint ? say("hint") : "";
  const since = balance?.at && seen.now?.at ? (seen.now.at - Date.parse(balance.at)) / 1000 : 0;
  const old = since > OLD ? `(${say("asOf", { age: age(since) })})` : "";
  put(cell, balance ? [amount(balance.amount), unit, mark, old].filter(Boolean).join(" ") : "–");
  put(lasts, balance && balance.runway_hours !== null ? age(balance.runway_hours * 3600) : "–");
  cell.dataset.tone = lasts.dataset.tone = runwayTone(item);
}
