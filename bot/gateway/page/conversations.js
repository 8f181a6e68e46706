// Conversations: what was said to the bot (messages) and by it (said), in the order of time. Pure.

import { moment } from "./format.js";
import { changed } from "./saidparts.js";

const MOST = 2_000; // entries; a conversation that has grown longer here is read anew, from its end

export function conversation() {
  return {
    messages: new Map(), // by id, as the API has them, with `at` in Unix seconds
    said: new Map(), // by id, likewise
    sending: new Map(), // what this window says and the bot has not taken yet, by event id: {text, at, trouble, files}
    next: undefined, // where the past goes on; null: this is all; undefined: nothing was read yet
    reading: false,
    failed: 0, // the status with which the last reading was refused
    again: false, // it has to be read anew behind the one that is under way
    missed: [], // what events that came while it was read make of it
  };
}

/** A page of the transcript as the API gives it. `anew`: what was known before does not count any more. */
export function paged(state, talk, page, { anew = false } = {}) {
  if (anew) {
    talk.messages.clear();
    talk.said.clear();
  }
  for (const { message, said: each } of page.entries) {
    if (message) put(talk, { ...message, at: moment(message.accepted_at) });
    else talk.said.set(each.id, { ...each, at: moment(each.at) });
  }
  talk.next = page.next;
  for (const act of talk.missed.splice(0)) act(talk);
}

/** All of it, the oldest first; what is not sent yet stands at the end. */
export function entries(talk) {
  const all = [
    ...[...talk.messages.values()].map((message) => ({ key: `m${message.id}`, at: message.at, message })),
    ...[...talk.said.values()].map((said) => ({ key: `s${said.id}`, at: said.at, said })),
    ...[...talk.sending].map(([id, sending]) => ({ key: `e${id}`, at: Infinity, since: sending.at, sending })),
  ];
  return all.sort((a, b) => (a.at === b.at ? (a.since ?? 0) - (b.since ?? 0) : a.at - b.at) || a.key.localeCompare(b.key, "en", { numeric: true }));
}

function put(talk, message) {
  talk.sending.delete(message.event_id);
  talk.messages.set(message.id, message);
}

/** `act` on the conversation of an event, where it is looked at. While it is read, it is acted on again afterwards:
 * what is read may be older than the event, or newer. So each act must bear being done twice. */
function on(state, event, act) {
  const talk = state.conversations.get(event.session);
  if (talk?.reading) talk.missed.push(act);
  if (!talk || talk.next === undefined) return;
  act(talk);
  if (talk.messages.size + talk.said.size > MOST) state.stale.add(event.session);
}

// ---------------------------------------------------------------- events

export function accepted(state, event) {
  const session = state.sessions.get(event.session);
  if (!session) state.stale.add("sessions");
  else {
    session.last_seen = new Date(event.at * 1000).toISOString();
    if (!event.command) session.waiting += 1;
  }
  on(state, event, (talk) => {
    if (!talk.messages.has(event.id)) put(talk, messageOf(event));
  });
}

const messageOf = (event) => ({
  id: event.id,
  event_id: event.event_id,
  sender_name: event.sender_name,
  text: event.text,
  kind: event.command ? "command" : "text",
  state: event.command ? "accepted" : "waiting",
  reason: "",
  at: event.at,
  run: null,
  attachments: event.attachments.length,
});

/** Edited, or taken back. */
export function amended(state, event) {
  const amendment = event.text === undefined ? { state: "retracted" } : { text: event.text };
  const session = state.sessions.get(event.session);
  if (session && amendment.state) session.waiting = Math.max(0, session.waiting - 1);
  on(state, event, (talk) => {
    const same = (each) => each.id === event.id || each.event_id === event.event_id;
    const message = [...talk.messages.values()].find(same);
    if (message) talk.messages.set(message.id, { ...message, ...amendment });
  });
}

/** Messages have another state. */
export function settled(state, event, ids, to) {
  const session = state.sessions.get(event.session);
  const more = { claimed: -1, waiting: +1 }[to] ?? 0;
  if (session) session.waiting = Math.max(0, session.waiting + more * ids.length);
  on(state, event, (talk) => {
    for (const id of ids) {
      const message = talk.messages.get(id);
      if (!message) continue;
      const reason = event.reason ?? message.reason;
      talk.messages.set(id, { ...message, state: to, reason, run: event.run ?? message.run });
    }
  });
}

/** A stop: whatever waited up to its moment. */
export function discarded(state, event) {
  state.stale.add("sessions");
  on(state, event, (talk) => {
    for (const [id, message] of talk.messages) {
      if (message.state === "waiting" && id <= event.upto) talk.messages.set(id, { ...message, state: "stopped" });
    }
  });
}

export function queued(state, event) {
  const session = state.sessions.get(event.session);
  if (session) session.queue = { place: event.place, ahead: event.ahead };
}

export function said(state, event) {
  const { id, kind, parts, choices, file, run, at } = event;
  on(state, event, (talk) => {
    if (!talk.said.has(id)) talk.said.set(id, { id, kind, parts, choices, file, run, at, version: 0 });
  });
}

export function saidChanged(state, event) {
  on(state, event, (talk) => {
    const known = talk.said.get(event.id);
    if (!known || known.version >= event.version) return; // it has that already
    const after = known.version + 1 === event.version ? changed(known, event) : null;
    if (after) talk.said.set(event.id, after);
    else state.stale.add(event.session);
  });
}
