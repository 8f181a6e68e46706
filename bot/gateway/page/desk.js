// What the page does: follows events, says things, steers. Views draw what is here, and call these.

import * as api from "./api.js";
import { Live } from "./live.js";
import { Reading } from "./reading.js";
import { isOver } from "./runs.js";
import { apply, empty, talk } from "./state.js";

const AGAIN = 5_000; // ms before what was not heard is said once more
const GATHER = 400; // ms in which what has to be read anew gathers

export class Desk extends Reading {
  #asked = new Set(); // runs that were read because they are shown
  #due = 0; // the timer of what has to be read anew

  /** `draw()`: something has changed. */
  constructor(draw) {
    super(draw);
    this.current = null; // the key of the conversation that is looked at
    this.begun = new Set(); // conversations of one's own in which nothing was said yet
    this.news = ""; // what came of something, told where nothing else shows it
    this.busy = new Map(); // what is being done to projects, by name
    this.pressed = new Set(); // messages of which a button was pressed just now
    this.view = ""; // "projects", "dashboard", else a conversation
    this.run = null; // the run that is looked at; null: the newest of the conversation
    this.live = new Live(
      (kind, event) => this.#told(kind, event),
      (link) => this.#linked(link),
      () => this.#refused(),
      () => this.readSessions(),
    );
  }

  get me() {
    return this.state.me;
  }

  /** Whether the reader may do what is for operators. */
  get steers() {
    return this.me?.role === "owner" || this.me?.role === "operator";
  }

  // ---------------------------------------------------------------- beginning

  /** Until it is known who reads this, or that nobody is logged in. */
  async begin() {
    while (!this.me && this.state.link !== "out") {
      try {
        this.state.me = await api.get("/me");
      } catch (refused) {
        this.state.link = refused.status === 401 ? "out" : "lost";
        this.draw();
        if (refused.status !== 401) await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    }
    if (this.me) this.live.open(); // says `reset` first of all, and so everything is read
    this.draw();
  }

  #linked(link) {
    this.state.link = link;
    if (link === "live") this.#back();
    this.draw();
  }

  /** The bot answers again: what it did not hear is said once more, under the id that it had. */
  #back() {
    if (this.whatsWrong === api.NO_ANSWER) this.whatsWrong = "";
    for (const [key, here] of this.state.conversations) {
      for (const id of here.sending.keys()) this.#unheard(key, id);
    }
  }

  #unheard(key, id) {
    if (this.state.conversations.get(key)?.sending.get(id)?.trouble === api.NO_ANSWER) this.sendAgain(key, id);
  }

  async #refused() {
    try {
      await api.get("/me");
      return true;
    } catch (refused) {
      if (refused.status !== 401) return true;
      this.state.link = "out";
      this.draw();
      return false;
    }
  }

  #told(kind, event) {
    if (kind === "reset") this.#readAll();
    else apply(this.state, kind, event);
    if (this.state.stale.size) this.#soon();
    this.draw();
  }

  #soon() {
    if (this.#due) return;
    this.#due = setTimeout(() => {
      this.#due = 0;
      const stale = [...this.state.stale];
      this.state.stale.clear();
      for (const what of stale) this.#reread(what);
    }, GATHER);
  }

  #reread(what) {
    if (what === "sessions") return this.readSessions();
    if (what === "projects") return this.readProjects();
    if (what === "health") return this.readHealth();
    if (what === "stats") return this.view === "dashboard" && this.readStats();
    return this.readConversation(what, { anew: true });
  }

  #readAll() {
    this.state.runs.clear();
    this.#asked.clear();
    for (const key of this.state.conversations.keys()) {
      if (key === this.current) this.readConversation(key, { anew: true });
      else this.state.conversations.delete(key);
    }
    this.#reread("stats");
    this.readSessions();
    this.readProjects();
    this.readHealth();
  }

  // ---------------------------------------------------------------- looking

  look(key) {
    if (key !== this.current) this.#leave(this.current);
    this.current = key;
    this.run = null;
    this.readConversation(key);
  }

  /** Nothing is kept of what nobody looks at, but for what was not sent yet. */
  #leave(key) {
    if (this.state.conversations.get(key)?.sending.size === 0) this.state.conversations.delete(key);
  }

  /** The run that the side shows: the one that was picked, else the newest of the conversation. */
  get shownRun() {
    if (this.run !== null) return this.state.runs.get(this.run);
    const mine = [...this.state.runs.values()].filter((run) => run.session === this.current);
    return mine.sort((a, b) => b.id - a.id)[0];
  }

  /** Reads a run once for each reason, however often it is drawn. */
  ask(run, why = "") {
    const key = `${run} ${why}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    queueMicrotask(() => this.readRun(run)); // not while it is drawn
  }

  pick(run) {
    this.run = run;
    if (!this.state.runs.get(run)?.whole) this.readRun(run);
    this.draw();
  }

  // ---------------------------------------------------------------- acting

  /** Says something. What the bot did not take stays, with the reason and a way to try again. */
  async say(key, text, files = []) {
    const here = talk(this.state, key);
    const id = crypto.randomUUID();
    here.sending.set(id, { text, files, at: Date.now() / 1000, trouble: "" });
    await this.sendAgain(key, id);
  }

  async sendAgain(key, id) {
    const here = talk(this.state, key);
    const sending = here.sending.get(id);
    if (!sending) return;
    here.sending.set(id, { ...sending, trouble: "" });
    this.draw();
    const files = sending.files.map((file) => file.id);
    try {
      const taken = await api.post(`${api.at(key)}/messages`, { text: sending.text, event_id: id, files });
      if (taken.refused) here.sending.set(id, { ...sending, trouble: taken.refused, final: true });
      else if (taken.duplicate) here.sending.delete(id); // it is in the inbox, and was told of
    } catch (refused) {
      here.sending.set(id, { ...sending, trouble: refused.message });
      if (refused.status === 401) this.state.link = "out";
      if (refused.status === 0) setTimeout(() => this.#unheard(key, id), AGAIN);
    }
    this.draw();
  }

  giveUp(key, id) {
    talk(this.state, key).sending.delete(id);
    this.draw();
  }

  upload(key, file) {
    const query = `?name=${encodeURIComponent(file.name || "file")}`;
    return api.call("POST", `${api.at(key)}/files${query}`, file);
  }

  edit(key, id, text) {
    return this.try(async () => this.#amended(await api.put(`${api.at(key)}/messages/${id}`, { text })));
  }

  takeBack(key, id) {
    return this.try(async () => this.#amended(await api.del(`${api.at(key)}/messages/${id}`)));
  }

  #amended(answer) {
    if (answer.status !== "changed") this.whatsWrong = answer.text;
  }

  /** Once: what comes of it takes the buttons away, a moment later. */
  async press(key, said, choice) {
    this.pressed.add(said);
    this.draw();
    const taken = await this.try(() => api.post(`${api.at(key)}/presses`, { said, choice }));
    setTimeout(() => this.pressed.delete(said), taken ? 5_000 : 0);
    this.draw();
  }

  stopRun(id) {
    return this.try(() => api.post(`/runs/${id}/stop`));
  }

  stopAll(key) {
    return this.try(() => api.post(`${api.at(key)}/stop`));
  }

  /** "start", "stop" or "rebuild". */
  projectDoes(name, what) {
    this.busy.set(name, what);
    this.draw();
    return this.try(async () => {
      try {
        this.news = (await api.post(`${api.project(name)}/${what}`)).text;
        await this.readProjects();
      } finally {
        this.busy.delete(name);
      }
    });
  }

  /** Makes a project; throws Refused, for the form to show. */
  newProject(name, wishes) {
    return api.post(api.project(name), wishes);
  }

  dismiss() {
    this.whatsWrong = this.news = "";
    this.draw();
  }

  isAlive(id) {
    const run = this.state.runs.get(id);
    return run !== undefined && !isOver(run);
  }

  logOut() {
    return this.try(async () => {
      await api.logOut();
      this.live.close();
      this.state = empty();
      this.state.link = "out";
    });
  }
}
