// What the page knows of the bot, read from the API.

import * as api from "./api.js";
import { paged } from "./conversations.js";
import { read as readRun } from "./runs.js";
import { empty, talk } from "./state.js";

const PAGE = 60; // entries that are read at once

export class Reading {
  constructor(draw) {
    this.draw = draw;
    this.state = empty();
    this.whatsWrong = ""; // told over the page, until somebody closes it
    this.details = new Map(); // of projects by name: {tree, editors, logs}
    this.stats = null;
    this.stacks = null;
  }

  /** Runs `act`; what goes wrong is told over the page. */
  async try(act) {
    try {
      return await act();
    } catch (refused) {
      if (!(refused instanceof api.Refused)) throw refused;
      if (refused.status === 401) this.state.link = "out";
      else if (refused.status !== 0 || this.state.link !== "lost") this.whatsWrong = refused.message;
      return undefined;
    } finally {
      this.draw();
    }
  }

  readSessions(after = null) {
    return this.try(async () => {
      const page = await api.get(`/sessions?limit=${after ? 200 : PAGE}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
      const { sessions } = this.state;
      for (const each of page.sessions) sessions.set(each.key, { queue: sessions.get(each.key)?.queue, ...each });
      if (after || this.state.more === undefined) this.state.more = page.next;
      const alive = page.sessions.flatMap((each) => each.running).filter((id) => !this.state.runs.has(id));
      await Promise.all(alive.slice(0, 20).map((id) => this.readRun(id)));
    });
  }

  readProjects() {
    return this.try(async () => {
      const { projects } = await api.get("/projects");
      this.state.projects = new Map(projects.map((each) => [each.name, each]));
    });
  }

  readHealth() {
    return this.try(async () => {
      this.state.trouble = (await api.get("/health")).degraded;
    });
  }

  readRun(id) {
    return this.try(async () => readRun(this.state, await api.get(`/runs/${id}`)));
  }

  /** The newest page of a conversation; `anew`: in place of what is known of it. */
  async readConversation(key, { anew = false } = {}) {
    const here = talk(this.state, key);
    if (here.reading) here.again ||= anew;
    else if (here.next === undefined || anew) await this.#readPage(key, here, "", anew);
  }

  async readEarlier(key) {
    const here = talk(this.state, key);
    if (here.reading || !here.next) return;
    await this.#readPage(key, here, `&before=${encodeURIComponent(here.next)}`, false);
  }

  async #readPage(key, here, before, anew) {
    here.reading = true;
    here.failed = 0;
    await this.try(async () => {
      try {
        paged(this.state, here, await api.get(`${api.at(key)}/transcript?limit=${PAGE}${before}`), { anew });
      } catch (refused) {
        here.failed = refused.status || 503;
        if (here.failed !== 404) throw refused; // that one is said where the conversation would be
      }
    });
    here.reading = false;
    here.missed.length = 0;
    const { again } = here;
    here.again = false;
    if (again) await this.readConversation(key, { anew: true });
    this.draw();
  }

  /** Reads what the side shows of a project: "tree", "editors", "logs". */
  readDetail(name, what) {
    return this.try(async () => {
      const known = this.details.get(name) ?? {};
      this.details.set(name, { ...known, [what]: { reading: true, ...known[what] } });
      this.draw();
      const found = await api.get(`${api.project(name)}/${what}`).catch((refused) => ({ refused: refused.message }));
      this.details.set(name, { ...this.details.get(name), [what]: found });
    });
  }

  readStats() {
    return this.try(async () => {
      this.stats = await api.get("/stats?days=14");
    });
  }

  readStacks() {
    return this.try(async () => {
      this.stacks ??= (await api.get("/stacks")).stacks;
    });
  }
}
