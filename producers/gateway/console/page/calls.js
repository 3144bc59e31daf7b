// What is asked of the gateway. A session's proof goes along with whatever changes something.

import { say } from "./words.js";

const session = { proof: "" };
let over = () => {};

export function whenOver(listener) {
  over = listener;
}

/** Ask; return what was answered, or throw what there is to tell a person. */
export async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-Console-Proof"] = session.proof;
  let answer;
  try {
    answer = await fetch(`/console/api/${path}`, { method, headers, body: body === undefined ? body : JSON.stringify(body) });
  } catch {
    throw new Error(say("unreachable"));
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401 && path !== "session") over();
  const where = said.field ? `${said.field}: ` : "";
  throw Object.assign(new Error(say(answer.status < 500 ? "wrong" : "failed", { error: where + (said.detail ?? answer.status) })), { status: answer.status });
}

/** Return whether anybody is signed in, or could be. */
export async function look() {
  return keep(await call("GET", "session"));
}

export async function enter(key) {
  return keep(await call("POST", "session", { key }));
}

export async function stay() {
  return keep(await call("PUT", "session"));
}

export async function leave() {
  return keep(await call("DELETE", "session"));
}

function keep(said) {
  session.proof = said.proof ?? "";
  return said;
}
