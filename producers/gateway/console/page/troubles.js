// What needs somebody, in sentences.

import { age, clock, count, percent } from "./format.js";
import { seen } from "./live.js";
import { say } from "./words.js";

const LATE = { otp: 10, notice: 60, marketing: 600 }; // seconds that the first may be ready
const OVERDUE = 5; // seconds past its time at which what waits should have been released
const QUEUES = [...Object.keys(LATE).map((stream) => `sms.${stream}`), "sms.ticks"];

/** Return what needs somebody, the worst first: [tone, sentence, key]. */
export function troubles() {
  const found = [];
  const add = (tone, word, values = {}) => {
    const { name, stream, queue, where, kind } = values;
    found.push([tone, say(`trouble.${word}`, values), [word, name ?? stream ?? queue, where ?? kind].join(" ")]);
  };
  if (seen.now?.redis) add("bad", "redis", { error: seen.now.redis });
  if (seen.told) {
    for (const shard of seen.told.shards.length ? seen.told.shards : [null]) workerTroubles(add, shard);
    if (seen.told.reports_silent) add("bad", "reportsAll");
    for (const account of seen.told.accounts) accountTroubles(add, account);
    outsideTroubles(add);
  }
  if (seen.now?.streams) queueTroubles(add);
  if (!seen.events) found.push(["doubtful", say("noEvents"), "events"]);
  return found.sort(([one], [other]) => (one === other ? 0 : one === "bad" ? -1 : 1));
}

/** Return how many things are wrong now. */
export function alarms() {
  return troubles().filter(([tone]) => tone === "bad").length;
}

// What a shard lacks no other one has for it.
function workerTroubles(add, shard) {
  const where = shard === null ? "" : say("onShard", { shard });
  const workers = seen.told.workers.filter((worker) => worker.shard === shard);
  const alive = workers.filter((worker) => worker.alive);
  if (!alive.length) add("bad", "nobody", { where });
  for (const worker of workers) {
    if (!worker.alive) add("doubtful", "silent", { name: worker.name, where, age: age(worker.age) });
  }
  if (!alive.length || alive.some((worker) => !worker.queues.length)) return;
  const served = new Set(alive.flatMap((worker) => worker.queues));
  for (const queue of QUEUES) if (!served.has(queue)) add("bad", "unserved", { queue, where });
}

function accountTroubles(add, account) {
  const { name, state, suspended, balance, prompt } = account;
  const why = suspended ? `${suspended.code} ${suspended.reason}`.trim() : account.reason;
  const until = account.until ? clock(account.until) : "–";
  if (state === "probing") add("doubtful", "probing", { name, why });
  else if (state === "left_alone") add("bad", suspended ? "suspended" : "down", { name, why, until });
  if (prompt?.slow && !seen.told.reports_silent) {
    const values = { name, share: percent(prompt.share), usual: percent(prompt.usual), within: age(prompt.within_seconds) };
    add("doubtful", prompt.steps_back ? "reportsBack" : "reportsFew", values);
  }
  const tone = runwayTone(account);
  if (!tone) return;
  if (Number(balance.amount) <= 0) add("bad", "empty", { name });
  else add(tone, "runway", { name, lasts: age(balance.runway_hours * 3600) });
}

function outsideTroubles(add) {
  for (const { account, kind, age: since } of seen.told.polls) {
    const last = since === null ? say("neverYet") : say("lastAgo", { age: age(since) });
    add("doubtful", "poll", { name: account, kind: say(`kind.${kind}`), last });
  }
  for (const { name, waiting, reason } of seen.told.webhooks) {
    add("doubtful", "webhook", { name, n: count(waiting), reason: reason ? `: ${reason}` : "" });
  }
}

function queueTroubles(add) {
  const now = seen.now;
  for (const [stream, pile] of Object.entries(now.streams)) {
    if (isLate(stream, pile)) {
      add(stream === "otp" ? "bad" : "doubtful", "late", { stream, ready: count(pile.ready), age: age(pile.age) });
    }
  }
  if (now.overdue && now.due_in < -OVERDUE) add("bad", "overdue", { n: count(now.overdue), age: age(-now.due_in) });
  if (now.unreadable) add("doubtful", "unreadable", { n: count(now.unreadable) });
}

/** Return whether the first message of a stream is ready for longer than it should be. */
export function isLate(stream, pile) {
  return pile.ready > 0 && pile.age > LATE[stream];
}

/** Return how bad it is how long a balance lasts: bad, doubtful, or empty for not at all. */
export function runwayTone({ balance }) {
  if (!balance || balance.postpaid || balance.hint) return "";
  if (Number(balance.amount) <= 0) return "bad";
  const hours = balance.runway_hours;
  const limits = seen.told.runway_alarms;
  if (hours === null || !limits.length || hours > Math.max(...limits)) return "";
  return hours <= Math.min(...limits) ? "bad" : "doubtful";
}
