// The first view: what needs somebody, charts of the last minutes, accounts, queues, workers.

import { showAccounts } from "./accounts.js";
import { Chart } from "./charts.js";
import { keyed, make, put } from "./elements.js";
import { age, count, rate, took } from "./format.js";
import { seen } from "./live.js";
import { facts, pill, rows } from "./tables.js";
import { isLate, troubles } from "./troubles.js";
import { say } from "./words.js";

const MEAN = 5; // steps over which a rate is taken: ten seconds
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

function showTroubles() {
  if (!seen.now) return;
  const found = troubles();
  const told = seen.told;
  if (!found.length && told) {
    const well = told.accounts.filter((account) => account.state === "ok").length;
    const alive = told.workers.filter((worker) => worker.alive).length;
    const values = { workers: alive, accounts: told.accounts.length, well };
    found.push(["good", say("calm"), "calm", say("calmMore", values)]);
  }
  const create = () => make("li", make("span"), make("span.muted"));
  keyed(at("troubles"), found, ([, , key]) => key, create, (item, [tone, text, , more]) => {
    item.dataset.tone = tone;
    put(item.children[0], text);
    put(item.children[1], more ?? "");
  });
}

function showQueues() {
  const now = seen.now;
  if (!now?.streams) return;
  const streams = Object.entries(now.streams);
  rows(at("queues"), streams, ([stream]) => stream, (cells, [stream, pile]) => {
    put(cells[0], stream);
    put(cells[1], count(pile.ready));
    put(cells[2], pile.ready && pile.age ? seconds(pile.age) : "–");
    put(cells[3], count(pile.rings));
    cells[2].dataset.tone = isLate(stream, pile) ? "doubtful" : "";
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

function showWorkers() {
  const told = seen.told;
  if (!told) return;
  at("no-workers").hidden = told.workers.length > 0;
  at("workers").hidden = told.workers.length === 0;
  rows(at("workers"), told.workers, (item) => `${item.shard} ${item.name}`, (cells, item) => {
    put(cells[0], item.name);
    const heard = say("ago", { age: age(item.age) });
    pill(cells[1], item.alive ? "good" : "bad", say(item.alive ? "alive" : "silent"), item.alive ? "" : heard);
    put(cells[2], item.in_flight === null ? "–" : count(item.in_flight));
    put(cells[3], item.up === null ? "–" : age(item.up));
    const queues = item.queues.map((queue) => queue.replace(/^sms\./, "")).join(", ") || "–";
    put(cells[4], item.shard === null ? queues : say("ofShard", { shard: item.shard, queues }));
    put(cells[5], item.version ?? "–");
  });
}
