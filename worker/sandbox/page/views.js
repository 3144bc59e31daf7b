// From what the sandbox tells to what is on the page. Texts are only ever set as text.

import { make, put } from "./elements.js";
import { say } from "./words.js";

export { keyed, make, put } from "./elements.js";

const GOOD = new Set(["delivered"]);
const DOUBTFUL = new Set(["unknown", "busy", "throttled", "expired"]);

export function spaced(number) {
  return /^\d{11}$/.test(number) ? number.replace(/^(\d{3})(\d{4})/, "$1 $2 ") : number;
}

export function clock(seconds, language) {
  return new Date(seconds * 1000).toLocaleTimeString(language, { hour12: false });
}

function tone(ending) {
  if (GOOD.has(ending)) return "good";
  return DOUBTFUL.has(ending) ? "doubtful" : "bad";
}

export function handset(choose) {
  return (item) => {
    const button = make(
      "button.handset",
      make("span.who"),
      make("time"),
      make("span.what"),
      make("span.mark"),
    );
    button.type = "button";
    button.addEventListener("click", () => choose(item.number));
    return make("li", button);
  };
}

export function fillHandset(language, chosen) {
  return (row, item) => {
    const [who, time, what, mark] = row.firstElementChild.children;
    put(who, spaced(item.number));
    put(time, clock(item.time, language));
    put(what, item.text);
    put(mark, item.count > 1 ? String(item.count) : "");
    mark.hidden = item.count < 2;
    mark.setAttribute("aria-label", say("messages", { n: item.count }));
    row.firstElementChild.dataset.tone = tone(item.ending);
    if (item.number === chosen) row.firstElementChild.setAttribute("aria-current", "true");
    else row.firstElementChild.removeAttribute("aria-current");
  };
}

export function line(item) {
  const about = make("p.about", make("span.vendor"), make("time"), make("span.pill"), make("span"));
  const bubble = make("p.bubble", item.text);
  return make(item.ending === undefined ? "li.line.mine" : "li.line", bubble, about);
}

export function fillLine(language) {
  return (row, item) => {
    const [vendor, time, pill, report] = row.lastElementChild.children;
    const got = item.ending !== undefined;
    const account = item.account === item.vendor ? item.vendor : `${item.vendor} · ${item.account}`;
    vendor.dataset.vendor = item.vendor;
    put(vendor, got ? account : say("replyTo", { account }));
    put(time, clock(item.time, language));
    pill.hidden = report.hidden = !got;
    if (!got) return;
    row.dataset.tone = pill.dataset.tone = tone(item.ending);
    put(pill, say(`ending.${item.ending}`));
    put(report, say(`report.${item.report}`));
  };
}

export function faultName(fault) {
  const full = [fault.kind, fault.reason].filter(Boolean).join(".");
  const known = say(`fault.${full}`);
  return known === `fault.${full}` ? [fault.kind, fault.reason, fault.code].filter(Boolean).join(" ") : known;
}

export function fault(end) {
  return (item) => {
    const button = make("button.quiet.small");
    button.type = "button";
    button.addEventListener("click", () => end(item));
    return make("li", make("span.name"), make("span.muted"), button);
  };
}

export function fillFault(row, item) {
  const [name, hits, button] = row.children;
  const where = item.vendor || say("every");
  const limits = [where, item.number, item.operation === "send" ? "" : item.operation];
  put(name, [faultName(item), ...limits].filter(Boolean).join(" · "));
  put(hits, say(item.count ? "hitsOf" : "hits", item));
  row.classList.toggle("spent", Boolean(item.count) && item.hits >= item.count);
  put(button, say("end"));
  button.setAttribute("aria-label", `${say("end")}: ${name.textContent}`);
}
