// The middle: what was said, as it is said, and where to say more.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { keyed } from "../vendor/lit-html/directives/keyed.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { entries } from "../conversations.js";
import { day, network, title } from "../format.js";
import { isOver } from "../runs.js";
import { composer, dropped, droppable } from "./composer.js";
import { entryView } from "./entry.js";
import { afterDrawn, paneButton } from "./frame.js";
import { runBars } from "./runbar.js";
import { follow, hold, release, scrolled, toEnd } from "./scroll.js";

export function conversationView(desk) {
  const key = desk.current;
  const session = desk.state.sessions.get(key) ?? { key, transport: (key ?? "").split("/")[0], project: null };
  return html`
    <main class="talk" @dragover=${droppable} @dragleave=${droppable} @drop=${(event) => dropped(desk, event)}>
      <header>
        ${paneButton(desk, "left", "Show conversations", "☰")}
        <div>
          <h1><bdi>${title(session, desk.me.session)}</bdi></h1>
          <p class="sub">${about(session)}</p>
        </div>
        ${paneButton(desk, "right", "Show details", "i")}
      </header>
      <p class="hidden" role="status">${spoken(desk, key)}</p>
      ${keyed(key, log(desk, key))} ${runBars(desk, key)} ${isMissing(desk, key) ? nothing : keyed(key, composer(desk, key))}
    </main>
  `;
}

/** What is said aloud of an answer that grows: not each word, but that it asks, or is over. */
function spoken(desk, key) {
  const newest = [...desk.state.runs.values()].filter((run) => run.session === key).at(-1);
  if (!newest) return "";
  const who = newest.agent ?? newest.work;
  if ([...newest.questions.values()].some((each) => each.decision === null)) return `${who} asks`;
  return isOver(newest) ? `Run ${newest.id}: ${newest.state.replaceAll("_", " ")}` : `${who} works`;
}

function about(session) {
  const words = [network(session.transport)];
  if (session.project) words.push(`project ${session.project}`);
  if (session.agent) words.push(session.agent);
  if (session.mode && session.mode !== "collect") words.push(`mode ${session.mode}`);
  return html`<bdi>${words.join(" · ")}</bdi>`;
}

function log(desk, key) {
  const talk = desk.state.conversations.get(key);
  const all = talk ? entries(talk) : [];
  return html`
    <div class="log" role="log" aria-label="Conversation" tabindex="0" @scroll=${scrolled} ${ref(follow)}>
      ${talk?.next ? html`
        <button type="button" class="quiet wide-button" ?disabled=${talk.reading} @click=${() => earlier(desk, key)}>Earlier</button>` : nothing}
      ${talk && talk.next === null && all.length === 0 ? welcome(desk) : nothing}
      ${talk?.next === undefined ? unread(desk, key, talk) : nothing}
      ${repeat(dated(all), (each) => each.key, (each) => (each.day ? html`<p class="day">${each.day}</p>` : entryView(desk, key, each)))}
      <button type="button" class="newest" hidden @click=${toEnd}>Newest ↓</button>
    </div>
  `;
}

async function earlier(desk, key) {
  hold();
  await desk.readEarlier(key);
  afterDrawn(release);
}

/** A conversation that somebody came to by an address, and that is not there, or not for them. */
const isMissing = (desk, key) => desk.state.conversations.get(key)?.failed === 404;

const unread = (desk, key, talk) =>
  isMissing(desk, key)
    ? html`<p class="quietly">There is no such conversation.</p>`
    : talk?.failed
    ? html`<p class="quietly">This could not be read.
        <button type="button" class="plain" @click=${() => desk.readConversation(key)}>Try again</button></p>`
    : html`<p class="quietly" role="status">Reading …</p>`;

const welcome = (desk) => html`
  <div class="welcome">
    <img src="/assets/icon.svg" alt="" width="64" height="64">
    <p>Say something: plain words go to the agent, and lines that come together make one prompt.</p>
    <p>${["help", "status", "projects"].map((word) => html`
      <button type="button" class="plain" @click=${() => desk.say(desk.current, word)}>${word}</button> `)}</p>
  </div>
`;

/** With a line where another day begins. */
function dated(all) {
  const found = [];
  let last = "";
  for (const each of all) {
    const name = day(each.since ?? each.at);
    if (name !== last) found.push({ key: `d${name}`, day: name });
    last = name;
    found.push(each);
  }
  return found;
}
