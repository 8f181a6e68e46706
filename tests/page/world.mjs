// A page that somebody looks at: one conversation, read to its beginning, with one message in it.

import { paged } from "../../bot/gateway/page/conversations.js";
import { apply, empty, talk } from "../../bot/gateway/page/state.js";

export const KEY = "web/console:root";

export const message = (id, more = {}) => ({
  id,
  event_id: `e${id}`,
  sender_name: "Ann",
  text: `message ${id}`,
  kind: "text",
  state: "waiting",
  reason: "",
  accepted_at: `2026-11-21T10:00:${String(id).padStart(2, "0")}Z`,
  run: null,
  attachments: 0,
  ...more,
});

export const said = (id, more = {}) => ({
  id,
  kind: "live",
  parts: [{ text: `answer ${id}`, aside: false }],
  choices: [],
  run: null,
  at: `2026-11-21T10:00:${String(id).padStart(2, "0")}.500Z`,
  changed_at: null,
  file: null,
  version: 0,
  ...more,
});

/** A page of the transcript. */
export const pageOf = (next, ...entries) => ({
  next,
  entries: entries.map((each) => ("sender_name" in each ? { message: each, said: null } : { message: null, said: each })),
});

const session = () => ({
  key: KEY, transport: "web", project: null, last_seen: "2026-11-21T09:00:00Z", waiting: 0, running: [], questions: 0,
});

export class World {
  constructor(...entries) {
    this.state = empty();
    this.state.sessions.set(KEY, session());
    this.talk = talk(this.state, KEY);
    paged(this.state, this.talk, pageOf(null, ...entries));
  }

  get session() {
    return this.state.sessions.get(KEY);
  }

  tell(kind, event) {
    apply(this.state, kind, { at: 1795255260, session: KEY, run: null, project: null, ...event });
  }

  accept(id, more = {}) {
    const told = { id, event_id: `e${id}`, sender: "console:root", sender_name: "Ann", text: `message ${id}` };
    this.tell("message.accepted", { ...told, command: false, attachments: [], ...more });
  }

  /** What `act` does while the conversation is read, then the page that comes of it. */
  meanwhile(act, page, how = {}) {
    this.talk.reading = true;
    act();
    paged(this.state, this.talk, page, how);
    this.talk.reading = false;
  }

  stateOf(id) {
    return this.talk.messages.get(id)?.state;
  }

  textOf(id) {
    return this.talk.said.get(id)?.parts.map((part) => part.text).join("|");
  }
}
