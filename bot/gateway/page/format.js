// How numbers and names are written. Pure.

export function duration(seconds) {
  if (seconds < 0.995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.min(59, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Of memory, which comes in whole MiB. */
export const memory = (count) => (count < 2 ** 30 ? `${Math.round(count / 2 ** 20)} MiB` : `${+(count / 2 ** 30).toFixed(1)} GiB`);

/** US dollars. */
export const cost = (dollars) => (dollars > 0 && dollars < 0.01 ? "< $0.01" : `$${dollars.toFixed(2)}`);

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (count >= 999.5 && power < units.length - 1) {
    count /= 1000;
    power += 1;
  }
  return `${power && count < 10 ? count.toFixed(1) : Math.round(count)} ${units[power]}`;
}

/** Unix seconds of a time as the API writes it; null stays null. */
export const moment = (text) => (text === null || text === undefined ? null : Date.parse(text) / 1000);

// Made once: making one takes as long as formatting a hundred times.
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export const clock = (at) => CLOCK.format(at * 1000);

export const day = (at) => DAY.format(at * 1000);

export function ago(at, now) {
  const seconds = Math.max(0, now - at);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

const NETWORKS = { console: "Console", matrix: "Matrix", slack: "Slack", web: "Web" };

export const network = (transport) => {
  const [kind, account] = transport.split(".");
  return (NETWORKS[kind] ?? kind) + (account ? ` (${account})` : "");
};

// What turns the direction of letters, or has no width: in a name it only deceives.
const UNSEEN = /[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A name of somebody's own choice, as it can be read. */
export const plain = (name) => name.replace(UNSEEN, "") || "?";

/** What a conversation is called: its project, or its place on its network. `own`: the key of the reader's own. */
export function title(session, own) {
  const key = session.key;
  if (key === own) return session.project ?? "You and Tugbot";
  if (key.startsWith(`${own}/`)) return key.slice(own.length + 1);
  if (session.project) return session.project;
  if (key === "console/local") return "The console";
  const [, ...rest] = key.split("/");
  return plain(rest.join("/") || key);
}

/** A name for a new conversation, out of what somebody typed; "" where nothing is left of it. */
export const slug = (text) =>
  text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
