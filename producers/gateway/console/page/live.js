// What the gateway tells by itself: kept here, and shown by whoever listens.

const KEPT = 300; // steps

/** What is known now. steps: the last ten minutes; now: how much lies where; told: the accounts. */
export const seen = { steps: [], span: 2000, events: true, now: null, told: null, connected: false };

let source = null;
let heard = () => {};
let lost = () => {};

export function listen(onNews, onLoss) {
  heard = onNews;
  lost = onLoss;
}

export function start() {
  stop();
  source = new EventSource("/console/live");
  on("history", (told) => Object.assign(seen, told));
  on("step", (told) => {
    if (seen.steps.length) seen.steps = [...seen.steps, told].slice(-KEPT);
  });
  on("now", (told) => {
    seen.now = told;
  });
  on("accounts", (told) => {
    seen.told = told;
  });
  source.addEventListener("error", () => {
    const over = source?.readyState === EventSource.CLOSED;
    seen.connected = false;
    heard("away");
    if (over) lost();
  });
}

export function stop() {
  source?.close();
  source = null;
}

function on(name, keep) {
  source.addEventListener(name, (event) => {
    keep(JSON.parse(event.data));
    seen.connected = true;
    heard(name);
  });
}
