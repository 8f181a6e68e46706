// One entry of a conversation: somebody's message, the bot's, or one that is on its way.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { bytes, clock, count, plain } from "../format.js";
import { at } from "../api.js";
import { aside, shownChoices } from "../saidparts.js";
import { isAnswered, isOver } from "../runs.js";
import { markdown } from "../words.js";
import { restore } from "./composer.js";
import { afterDrawn, toPane } from "./frame.js";

/** Made anew only where something has changed that it shows: messages are replaced, runs change. */
export function entryView(desk, key, entry) {
  if (entry.sending) return sendingView(desk, key, entry);
  const { message, said } = entry;
  if (message) return guard([message, desk.editing === message.id], () => messageView(desk, key, message));
  const run = said.run === null ? undefined : desk.state.runs.get(said.run);
  if (said.choices.length && said.run !== null && !run) desk.ask(said.run);
  const shown = [said, run?.state, run?.tools.size, isAnswered(run), desk.pressed.has(said.id)];
  return guard(shown, () => saidView(desk, key, said, run));
}

const narrow = matchMedia("(max-width: 1080px)"); // as in panes.css: there, the side is out of sight

function look(desk, run) {
  desk.pick(run);
  if (narrow.matches) toPane(desk, "right");
}

// ---------------------------------------------------------------- people

const STATES = {
  waiting: "waiting",
  claimed: "",
  answered: "",
  accepted: "",
  done: "",
  failed: "failed",
  stopped: "stopped",
  interrupted: "cut off",
  retracted: "taken back",
  refused: "refused",
};

function messageView(desk, key, message) {
  const state = STATES[message.state] ?? message.state;
  const mine = message.sender_name === desk.me.name;
  const editing = desk.editing === message.id;
  const open = message.state === "waiting" && mine && !editing;
  return html`
    <article class="entry person ${message.state}" aria-label="From ${plain(message.sender_name)}">
      <div class="bubble">
        ${mine ? nothing : html`<p class="by"><bdi>${plain(message.sender_name)}</bdi></p>`}
        ${editing ? editor(desk, key, message) : html`<p class="typed" dir="auto">${message.text}</p>`}
        ${message.attachments ? html`<p class="files">📎 ${count(message.attachments, "file")}</p>` : nothing}
      </div>
      <p class="foot">
        ${state ? html`<span class="state">${state}${message.reason && !message.run && message.reason !== "stop" ? html`: ${message.reason}` : nothing}</span>` : nothing}
        ${message.run ? html`<button type="button" class="quiet" aria-label="Show run ${message.run}" @click=${() => look(desk, message.run)}>run ${message.run}</button>` : nothing}
        ${open ? html`
          <button type="button" class="quiet" @click=${() => edit(desk, message.id)}>Edit</button>
          <button type="button" class="quiet" @click=${() => desk.takeBack(key, message.id)}>Take back</button>` : nothing}
        <time>${clock(message.at)}</time>
      </p>
    </article>
  `;
}

function edit(desk, id) {
  desk.editing = id;
  desk.draw();
  afterDrawn(() => document.getElementById("edited")?.focus());
}

function leave(desk) {
  desk.editing = null;
  desk.draw();
}

const editor = (desk, key, message) => html`
  <form class="editor" @keydown=${(event) => {
    if (event.key === "Escape") leave(desk);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
  }} @submit=${(event) => {
    event.preventDefault();
    desk.editing = null;
    desk.edit(key, message.id, new FormData(event.target).get("text"));
  }}>
    <textarea id="edited" name="text" aria-label="Edit the message" rows="3" .value=${message.text}></textarea>
    <p class="actions"><button class="main">Save</button>
      <button type="button" class="plain" @click=${() => leave(desk)}>Cancel</button></p>
  </form>
`;

function sendingView(desk, key, { key: entry, sending }) {
  const id = entry.slice(1);
  return html`
    <article class="entry person sending" aria-label="On its way">
      <div class="bubble"><p class="typed" dir="auto">${sending.text}</p></div>
      <p class="foot">
        ${sending.trouble
          ? html`<span class="state wrong">Not sent. ${sending.trouble}</span>
              ${sending.final ? nothing : html`<button type="button" class="plain" @click=${() => desk.sendAgain(key, id)}>Try again</button>`}
              <button type="button" class="plain" @click=${() => takenBack(desk, key, id)}>Edit</button>
              <button type="button" class="quiet" @click=${() => desk.giveUp(key, id)}>Discard</button>`
          : html`<span class="state">sending …</span>`}
      </p>
    </article>
  `;
}

/** Back into the composer, with its files. */
function takenBack(desk, key, id) {
  restore(key, desk.state.conversations.get(key).sending.get(id));
  desk.giveUp(key, id);
}

// ---------------------------------------------------------------- the bot

const ASIDES = new Set(["header", "tool"]); // messages of networks that cannot edit, so that each is one of its own

function saidView(desk, key, said, run) {
  const choices = shownChoices(said, isOver(run) || isAnswered(run));
  return html`
    <article class="entry bot ${said.kind}" aria-label="From Tugbot" data-said=${said.id} data-of-run=${said.run ?? ""}
      aria-live=${said.kind === "stream" && run && !isOver(run) ? "off" : "polite"}>
      <div class="bubble">
        ${said.parts.map((part) => (part.aside || ASIDES.has(said.kind) ? asideView(part.text, run) : html`<div class="words" dir="auto">${markdown(part.text)}</div>`))}
        ${said.file ? fileView(key, said) : nothing}
        ${choices.length ? html`
          <p class="choices">${choices.map((choice, number) => html`
            <button type="button" class=${number ? "plain" : "main"} ?disabled=${desk.pressed.has(said.id)} @click=${() => desk.press(key, said.id, choice.text)}>${choice.label}</button>`)}</p>` : nothing}
      </div>
      <p class="foot">
        ${said.run === null ? nothing : html`<button type="button" class="quiet" aria-label="Show run ${said.run}" @click=${() => look(desk, said.run)}>run ${said.run}</button>`}
        <time>${clock(said.at)}</time>
      </p>
    </article>
  `;
}

/** Lines about the work, more quietly; tool calls folded. */
function asideView(text, run) {
  return aside(text).map((each) =>
    each.tools
      ? toolsView(each.tools, run)
      : html`<p class="aside" dir="auto">${markdown(each.line, { inline: true })}</p>`,
  );
}

function toolsView(tools, run) {
  const last = tools.at(-1);
  const calls = new Map([...(run?.tools.values() ?? [])].map((call) => [call.title, call]));
  return html`
    <details class="tools">
      <summary><span>${tools.length === 1 ? "" : `${tools.length} tool calls · `}<bdi>${last}</bdi></span></summary>
      <ul>${tools.map((line) => html`<li><bdi>${line}</bdi>${detail(calls, line)}</li>`)}</ul>
    </details>
  `;
}

/** What a call was about, where it was seen live. */
function detail(calls, line) {
  const call = calls.get(line.replace(/ [^ ]+$/, ""));
  return call?.detail ? html`<pre tabindex="0">${call.detail}</pre>` : nothing;
}

function fileView(key, said) {
  const { name, size, kept } = said.file;
  const words = html`📄 <bdi>${plain(name)}</bdi> <small>${bytes(size)}</small>`;
  if (!kept) return html`<p class="file">${words}</p>`;
  return html`<p class="file"><a href="/api/v1${at(key)}/files/${said.id}" download=${name}>${words}</a></p>`;
}
