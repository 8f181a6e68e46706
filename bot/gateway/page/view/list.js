// The left: conversations and projects with their live state, and the way to everything else.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { ago, count, network, slug, title } from "../format.js";
import { focusMessage } from "./composer.js";
import { afterDrawn } from "./frame.js";

export function listView(desk, view) {
  return html`
    <nav class="list" aria-label="Conversations" @click=${(event) => followed(desk, event)}>
      <header>
        <a class="brand" href="#/" aria-label="Tugbot, your own conversation">
          <img src="/assets/icon.svg" alt="" width="28" height="28"><span>Tugbot</span>
        </a>
        <span class="link ${desk.state.link}" role="img" aria-label=${LINKS[desk.state.link]} title=${LINKS[desk.state.link]}></span>
      </header>
      <ul class="views">
        <li>${viewLink("projects", "Projects", view)}</li>
        <li>${viewLink("dashboard", "Dashboard", view)}</li>
      </ul>
      ${talks(desk, view)} ${projects(desk)}
      <footer>
        <span class="who"><bdi>${desk.me.name}</bdi> <small>${desk.me.role}</small></span>
        <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" @click=${() => document.getElementById("keys").showModal()}>?</button>
        <button type="button" class="quiet" @click=${() => desk.logOut()}>Log out</button>
      </footer>
    </nav>
  `;
}

/** A link was followed, perhaps to where one is already: what it leads to comes in sight. */
function followed(desk, event) {
  if (!event.target.closest("a")) return;
  desk.pane = "middle";
  desk.draw();
}

const LINKS = { live: "Live", lost: "Connection lost", connecting: "Connecting" };

const viewLink = (to, label, view) =>
  html`<a href="#/${to}" aria-current=${view === to ? "page" : "false"}>${label}</a>`;

function talks(desk, view) {
  const wanted = (desk.filter ?? "").toLowerCase();
  const shown = known(desk).filter((each) => `${each.key} ${each.project ?? ""}`.toLowerCase().includes(wanted));
  return html`
    <section class="talks">
      <div class="heading">
        <h2>Conversations</h2>
        <button type="button" class="quiet" id="new-talk" aria-label="New conversation" title="New conversation" @click=${() => begin(desk)}>+</button>
      </div>
      ${desk.naming ? naming(desk) : nothing}
      ${desk.state.sessions.size > 8 ? html`
        <input type="search" class="filter" placeholder="Filter" aria-label="Filter conversations"
          .value=${desk.filter ?? ""} @input=${(event) => { desk.filter = event.target.value; desk.draw(); }}>` : nothing}
      <ul>${repeat(shown, (each) => each.key, (each) => talkLink(desk, each, view))}</ul>
      ${wanted && desk.state.more ? html`<p class="sub hint" role="status">${count(shown.length, "hit")} among the latest ${desk.state.sessions.size.toLocaleString()}.</p>` : nothing}
      ${desk.state.more ? html`
        <button type="button" class="quiet wide-button" @click=${() => desk.readSessions(desk.state.more)}>More</button>` : nothing}
    </section>
  `;
}

/** All that are known, the latest first; one's own is there before anything was said in it. */
function known(desk) {
  const own = desk.me.session;
  const all = [...desk.state.sessions.values()];
  for (const key of new Set([own, ...desk.begun, desk.current])) {
    if (key && !desk.state.sessions.has(key) && !desk.state.conversations.get(key)?.failed) all.push(unborn(key));
  }
  return all.sort((a, b) => b.last_seen.localeCompare(a.last_seen));
}

const unborn = (key) => ({
  key, transport: key.split("/")[0], project: null, last_seen: "9", waiting: 0, running: [], questions: 0, unborn: true,
});

function talkLink(desk, session, view) {
  const here = session.key === desk.current && view !== "projects" && view !== "dashboard";
  return html`
    <li>
      <a href="#/s/${encodeURIComponent(session.key)}" data-session=${session.key} aria-current=${here ? "page" : "false"}>
        <span class="name"><bdi>${title(session, desk.me.session)}</bdi></span>
        <span class="signs">${signs(session)}</span>
        <small><bdi>${network(session.transport)}</bdi>${session.agent ? html` · <bdi>${session.agent}</bdi>` : nothing}${session.unborn ? nothing : html` · ${ago(Date.parse(session.last_seen) / 1000, Date.now() / 1000)}`}</small>
      </a>
    </li>
  `;
}

function signs(session) {
  if (session.questions) return html`<b class="sign asks">${count(session.questions, "question")}</b>`;
  if (session.running.length) return html`<b class="sign runs" aria-label="running">${session.running.length > 1 ? session.running.length : nothing}</b>`;
  if (session.queue) return html`<b class="sign waits">place ${session.queue.place}</b>`;
  if (session.waiting) return html`<b class="sign waits">${session.waiting} waiting</b>`;
  return nothing;
}

// ---------------------------------------------------------------- a new conversation

function begin(desk) {
  desk.naming = !desk.naming;
  desk.draw();
  afterDrawn(() => (document.getElementById("naming") ?? document.getElementById("new-talk")).focus());
}

const naming = (desk) => html`
  <form class="naming" @submit=${(event) => {
    event.preventDefault();
    const field = event.target.elements.name;
    const name = slug(field.value);
    field.setCustomValidity(name ? "" : "Its name needs a letter from a to z, or a digit.");
    if (!field.reportValidity()) return;
    desk.naming = false;
    const key = `${desk.me.session}/${name}`;
    desk.begun.add(key);
    desk.go(`#/s/${encodeURIComponent(key)}`);
    afterDrawn(focusMessage);
  }} @keydown=${(event) => event.key === "Escape" && begin(desk)}>
    <input id="naming" name="name" required maxlength="40" placeholder="its name" aria-label="Name of the new conversation" autocomplete="off"
      @input=${(event) => event.target.setCustomValidity("")}>
    <button class="plain">Begin</button>
  </form>
`;

// ---------------------------------------------------------------- projects

function projects(desk) {
  const all = [...desk.state.projects.values()];
  if (!all.length) return nothing;
  return html`
    <section class="small-projects">
      <div class="heading"><h2>Projects</h2></div>
      <ul>${repeat(all, (each) => each.name, (each) => html`
        <li><a href="#/projects/${encodeURIComponent(each.name)}">
          <span class="name"><bdi>${each.name}</bdi></span>
          <span class="signs"><b class="dot" data-state=${each.container}></b></span>
          <small>${each.state === "ready" ? each.container : each.state.replace("_", " ")}</small>
        </a></li>`)}</ul>
    </section>
  `;
}
