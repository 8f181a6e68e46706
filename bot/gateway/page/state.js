// What the page knows, and what each event makes of it. Pure: nothing here looks at a clock, a document or a network.

import { accepted, amended, conversation, discarded, queued, said, saidChanged, settled } from "./conversations.js";
import { asked, decided, ended, noted, running, started, stepped, tool } from "./runs.js";

export function empty() {
  return {
    me: null, // {account, name, role, session}
    link: "connecting", // "live", "lost"
    sessions: new Map(), // by key, as the API has them
    more: undefined, // where the list of sessions goes on; null: it is whole; undefined: it was not read yet
    conversations: new Map(), // by key; see conversations.js
    runs: new Map(), // by id; see runs.js
    projects: new Map(), // by name, as the API has them
    trouble: [], // what does not work, a line each
    stale: new Set(), // what has to be read anew: "sessions", "projects", "health", or a session's key
  };
}

const HANDLERS = {
  "message.accepted": accepted,
  "message.refused": (state, event) => settled(state, event, [event.id], "refused"),
  "message.edited": amended,
  "message.retracted": amended,
  "message.joined": (state, event) => settled(state, event, event.ids, "claimed"),
  "message.returned": (state, event) => settled(state, event, event.ids, "waiting"),
  "message.answered": (state, event) => settled(state, event, event.ids, event.state),
  "message.discarded": discarded,
  "run.queued": queued,
  "run.started": begun,
  "run.running": running,
  "run.tool": tool,
  "run.noted": noted,
  "run.asked": (state, event) => counted(asked, state, event, +1),
  "run.decided": (state, event) => counted(decided, state, event, -1),
  "run.ended": over,
  "project.step": stepped,
  "project.changed": (state) => state.stale.add("projects"),
  "transport.failed": (state) => state.stale.add("health"),
  "transport.works": (state) => state.stale.add("health"),
  "said.added": said,
  "said.changed": saidChanged,
};

/** Takes an event in. One that is not known belongs to a newer bot, and changes nothing here. */
export function apply(state, kind, event) {
  HANDLERS[kind]?.(state, event);
}

/** The conversation of a key, made where it is not there. */
export function talk(state, key) {
  if (!state.conversations.has(key)) state.conversations.set(key, conversation());
  return state.conversations.get(key);
}

function begun(state, event) {
  started(state, event);
  settled(state, event, event.messages, "claimed");
  const session = state.sessions.get(event.session);
  if (session) {
    session.running = [...new Set([...session.running, event.run])];
    session.queue = null;
  }
}

function over(state, event) {
  ended(state, event);
  const session = state.sessions.get(event.session);
  if (session) session.running = session.running.filter((run) => run !== event.run);
  state.stale.add("sessions").add("stats");
}

function counted(handler, state, event, by) {
  handler(state, event);
  const session = state.sessions.get(event.session);
  if (session) session.questions = Math.max(0, session.questions + by);
  state.stale.add("sessions"); // what was read just now may have counted it already
}
