// The first view: what needs somebody, charts of the last minutes, accounts, queues, workers.

import { Chart, sparkline } from "./charts.js";
import { keyed, make, put } from "./elements.js";
import { age, amount, clock, count, rate, took } from "./format.js";
import { seen } from "./live.js";
import { say } from "./words.js";

const MEAN = 5; // steps over which a rate is taken: ten seconds
const LATE = { otp: 10, notice: 60, marketing: 600 }; // seconds that the first may be ready
const OLD = 1800; // seconds after which a balance says since when it is known
const MANY = 10; // as one in so many: what an account refuses or loses is worth a look
const OVERDUE = 5; // seconds past its time at which what waits should have been released
const STREAMS = ["otp", "notice", "marketing"];
const GROUPS = {
  accepted: ["accepted", "scheduled"],
  submitted: ["submitted"],
  delivered: ["delivered"],
  failed: ["rejected", "undelivered", "expired"],
  unknown: ["unknown"],
};

const at = (id) => document.getElementById(id);
const seconds = (value) => (value < 2 && value % 1 ? `${value.toFixed(1)} s` : age(value));
const charts = {
  throughput: new Chart("throughput", Object.keys(GROUPS), { kind: "count", format: rate, filled: true }),
  latency: new Chart("latency", ["median", "p95", "report"], { kind: "log", format: took }),
  depth: new Chart("depth", [...STREAMS, "waiting"], { kind: "whole", format: count }),
  age: new Chart("age", STREAMS, { kind: "time", format: seconds }),
};

export function prepare() {
  at("charts").append(...Object.values(charts).map((chart) => chart.element));
}

export function show() {
  showCharts();
  showTroubles();
  showAccounts();
  showQueues();
  showWorkers();
}

function showCharts() {
  const steps = seen.steps;
  const times = steps.map((step) => (step.slot + 1) * seen.span);
  const over = (name, line) => steps.map((step) => step[name]?.[line] ?? null);
  const rates = (types) => {
    const counts = steps.map((step) => types.reduce((sum, type) => sum + (step.counts[type] ?? 0), 0));
    return counts.map((_, end) => {
      const some = counts.slice(Math.max(0, end - MEAN + 1), end + 1);
      return (some.reduce((one, other) => one + other, 0) / some.length / seen.span) * 1000;
    });
  };
  const lines = Object.entries(GROUPS).map(([name, types]) => [name, rates(types)]);
  charts.throughput.draw(times, Object.fromEntries(lines));
  charts.latency.draw(times, { median: over("taken", 0), p95: over("taken", 1), report: over("report", 0) });
  const ready = STREAMS.map((stream) => [stream, over("ready", stream)]);
  charts.depth.draw(times, { ...Object.fromEntries(ready), waiting: steps.map((step) => step.waiting) });
  charts.age.draw(times, Object.fromEntries(STREAMS.map((stream) => [stream, over("age", stream)])));
}

/** Return what needs somebody, the worst first: [tone, sentence, key]. */
export function troubles() {
  const found = [];
  const add = (tone, word, values = {}) => found.push([tone, say(`trouble.${word}`, values), `${word} ${values.name ?? values.stream ?? values.queue ?? ""}`]);
  if (seen.now?.redis) add("bad", "redis", { error: seen.now.redis });
  if (seen.told) {
    workerTroubles(add);
    for (const account of seen.told.accounts) accountTroubles(add, account);
  }
  if (seen.now && !seen.now.redis) queueTroubles(add);
  if (!seen.events) found.push(["doubtful", say("noEvents"), "events"]);
  return found.sort(([one], [other]) => (one === other ? 0 : one === "bad" ? -1 : 1));
}

function workerTroubles(add) {
  const alive = seen.told.workers.filter((worker) => worker.alive);
  if (!alive.length) add("bad", "nobody");
  for (const worker of seen.told.workers) {
    if (!worker.alive) add("doubtful", "silent", { name: worker.name, age: age(worker.age) });
  }
  if (!alive.length || alive.some((worker) => !worker.queues.length)) return;
  const served = new Set(alive.flatMap((worker) => worker.queues));
  for (const queue of [...STREAMS.map((stream) => `sms.${stream}`), "sms.ticks"]) {
    if (!served.has(queue)) add("bad", "unserved", { queue });
  }
}

function accountTroubles(add, account) {
  const { name, state, suspended, balance } = account;
  const why = suspended ? `${suspended.code} ${suspended.reason}`.trim() : account.reason;
  const until = account.until ? clock(account.until) : "–";
  if (state === "probing") add("doubtful", "probing", { name, why });
  else if (state === "left_alone") add("bad", suspended ? "suspended" : "down", { name, why, until });
  const tone = runwayTone(account);
  if (!tone) return;
  if (Number(balance.amount) <= 0) add("bad", "empty", { name });
  else add(tone, "runway", { name, lasts: age(balance.runway_hours * 3600) });
}

function queueTroubles(add) {
  const now = seen.now;
  for (const [stream, pile] of Object.entries(now.streams)) {
    if (pile.ready && pile.age > LATE[stream]) {
      add(stream === "otp" ? "bad" : "doubtful", "late", { stream, ready: count(pile.ready), age: age(pile.age) });
    }
  }
  if (now.overdue && now.due_in < -OVERDUE) add("bad", "overdue", { n: count(now.overdue), age: age(-now.due_in) });
  if (now.unreadable) add("doubtful", "unreadable", { n: count(now.unreadable) });
}

function runwayTone({ balance }) {
  if (!balance || balance.postpaid || balance.hint) return "";
  if (Number(balance.amount) <= 0) return "bad";
  const hours = balance.runway_hours;
  const alarms = seen.told.runway_alarms;
  if (hours === null || !alarms.length || hours > Math.max(...alarms)) return "";
  return hours <= Math.min(...alarms) ? "bad" : "doubtful";
}

function showTroubles() {
  if (!seen.now) return;
  const found = troubles();
  const told = seen.told;
  if (!found.length && told) {
    const values = { workers: told.workers.filter((worker) => worker.alive).length, accounts: told.accounts.length };
    found.push(["good", say("calm"), "calm", say("calmMore", values)]);
  }
  const create = () => make("li", make("span"), make("span.muted"));
  keyed(at("troubles"), found, ([, , key]) => key, create, (item, [tone, text, , more]) => {
    item.dataset.tone = tone;
    put(item.children[0], text);
    put(item.children[1], more ?? "");
  });
}

/** Return how many things are wrong now. */
export function alarms() {
  return troubles().filter(([tone]) => tone === "bad").length;
}

/** Let a table have one row an item; ``fill`` gets the cells of each, and the item. */
export function rows(table, items, key, cells, fill) {
  const heads = [...table.tHead.rows[0].cells];
  const create = () => make("tr", ...cells.map((kind) => make(kind)));
  keyed(table.tBodies[0], items, key, create, (row, item) => {
    heads.forEach((head, place) => {
      row.cells[place].dataset.label = head.textContent.trim();
      row.cells[place].classList.toggle("n", head.classList.contains("n"));
    });
    fill(row.cells, item, row);
  });
}

/** Let an element hold a pill and words behind it. */
export function pill(cell, tone, word, text = "") {
  if (!cell.firstElementChild) cell.append(make("span.pill"), make("span.beside"));
  cell.children[0].dataset.tone = tone;
  put(cell.children[0], word);
  put(cell.children[1], text);
}

function showAccounts() {
  const told = seen.told;
  if (!told) return;
  at("no-accounts").hidden = told.accounts.length > 0;
  at("accounts").hidden = told.accounts.length === 0;
  rows(at("accounts"), told.accounts, (item) => item.name, Array(9).fill("td"), fillAccount);
}

function fillAccount(cells, item, row) {
  const [name, state, lately, answers, open, routes, balance, lasts, history] = cells;
  row.dataset.account = item.name;
  if (!name.firstElementChild) name.append(make("span.vendor"), make("span.muted"));
  name.children[0].dataset.vendor = item.adapter;
  put(name.children[0], item.name);
  put(name.children[1], item.adapter === item.name ? "" : item.adapter);
  pill(state, ...stateOf(item));
  showLately(lately, item.lately.counts);
  put(answers, item.lately.answer ? item.lately.answer.map(took).join(" · ") : "–");
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
  return [tone, say(`state.${item.state}`), [item.reason, until, most].filter(Boolean).join(" ")];
}

function showLately(cell, counts) {
  const bad = (counts.rejected ?? 0) + (counts.undelivered ?? 0);
  const parts = [["taken", counts.submitted ?? 0], ["refusedN", bad], ["unknownN", counts.unknown ?? 0]];
  put(cell, parts.filter(([word, n]) => n || word === "taken").map(([word, n]) => say(word, { n: count(n) }).replaceAll(" ", "\u00a0")).join(" · "));
  cell.dataset.tone = (bad + (counts.unknown ?? 0)) * MANY > (counts.submitted ?? 0) ? "doubtful" : "";
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

function showQueues() {
  const now = seen.now;
  if (!now?.streams) return;
  const streams = Object.entries(now.streams);
  rows(at("queues"), streams, ([stream]) => stream, Array(4).fill("td"), (cells, [stream, pile]) => {
    put(cells[0], stream);
    put(cells[1], count(pile.ready));
    put(cells[2], pile.ready && pile.age ? seconds(pile.age) : "–");
    put(cells[3], count(pile.rings));
    cells[2].dataset.tone = pile.ready && pile.age > LATE[stream] ? "doubtful" : "";
  });
  const late = now.due_in !== null && now.due_in < 0;
  const due = now.due_in === null ? "" : say(late ? "dueSince" : "nextIn", { age: age(Math.abs(now.due_in)) });
  const open = seen.told ? seen.told.accounts.reduce((sum, each) => sum + (each.open ?? 0), 0) : null;
  facts(at("facts"), [
    ["waiting", count(now.waiting), due],
    ["openN", open === null ? "–" : count(open), ""],
    ["unknown", count(now.unknown), ""],
    ["deadN", count(now.dead), ""],
    ["spool", count(now.spool), ""],
    ["unreadable", count(now.unreadable), ""],
  ]);
}

/** Show names and values. */
export function facts(list, items) {
  const create = () => make("div", make("dt"), make("dd", make("b"), make("span.muted")));
  keyed(list, items, ([word]) => word, create, (row, [word, value, more]) => {
    put(row.children[0], say(word));
    put(row.children[1].children[0], value);
    put(row.children[1].children[1], more ?? "");
  });
}

function showWorkers() {
  const told = seen.told;
  if (!told) return;
  at("no-workers").hidden = told.workers.length > 0;
  at("workers").hidden = told.workers.length === 0;
  rows(at("workers"), told.workers, (item) => item.name, Array(6).fill("td"), (cells, item) => {
    put(cells[0], item.name);
    const heard = say("ago", { age: age(item.age) });
    pill(cells[1], item.alive ? "good" : "bad", say(item.alive ? "alive" : "silent"), item.alive ? "" : heard);
    put(cells[2], item.in_flight === null ? "–" : count(item.in_flight));
    put(cells[3], item.up === null ? "–" : age(item.up));
    put(cells[4], item.queues.map((queue) => queue.replace(/^sms\./, "")).join(", ") || "–");
    put(cells[5], item.version ?? "–");
  });
}
