// The API of the gateway (docs/reference/api.md), as the page calls it.

const BASE = "/api/v1";
export const NO_ANSWER = "Tugbot does not answer.";
const HEADERS = { "X-Tugbot": "1" }; // no page of another site can send it: bot/gateway/origins.py

/** Why there is no better answer. `status` 0: the bot does not answer. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const del = (path) => call("DELETE", path);

/** `body`: JSON, or a File, whose bytes are sent as they are. Throws Refused. */
export async function call(method, path, body) {
  const raw = body instanceof Blob;
  const kind = raw ? "application/octet-stream" : "application/json";
  const headers = body === undefined ? HEADERS : { ...HEADERS, "Content-Type": kind };
  const sent = body === undefined || raw ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(BASE + path, { method, headers, body: sent });
  } catch {
    throw new Refused(0, NO_ANSWER);
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, words(said, answer.status));
  return said;
}

function words(said, status) {
  const reference = said.reference ? ` The log has more under ${said.reference}.` : "";
  return (said.message || `Tugbot refused this (${said.error || status}).`) + reference;
}

/** A session's path: its key has slashes. */
export const at = (session) => `/sessions/${encodeURIComponent(session)}`;

export const project = (name) => `/projects/${encodeURIComponent(name)}`;

/** Throws Refused: this browser is still logged in. */
export async function logOut() {
  const answer = await fetch("/logout", { method: "POST", headers: HEADERS }).catch(() => null);
  if (!answer?.ok) throw new Refused(answer?.status ?? 0, `${NO_ANSWER} You are still logged in.`);
}
