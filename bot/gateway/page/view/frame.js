// What stands around everything: who is logged out, what went wrong, which keys there are.

import { NO_ANSWER } from "../api.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { markdown } from "../words.js";

export const loggedOut = () => html`
  <main class="hello">
    <img src="/assets/icon.svg" alt="" width="72" height="72">
    <h1>Tugbot</h1>
    <p>You are not logged in here.</p>
    <p>Write <code>page</code> to the bot, in a conversation of two or at its console: it answers with a link that logs
      this browser in. Links count once, for ten minutes.</p>
  </main>
`;

/** What was refused, or is lost: said once, in one place. */
export function notice(desk) {
  const lost = desk.state.link === "lost";
  return html`
    <div class="notices" role="status" aria-live="polite">
      ${lost ? html`<p class="notice lost">Tugbot does not answer. What you see may be old; it goes on by itself.</p>` : nothing}
      ${desk.state.trouble.map((line) => html`<p class="notice trouble">${line}</p>`)}
      ${desk.whatsWrong && !(lost && desk.whatsWrong === NO_ANSWER) ? html`
        <p class="notice wrong">
          <span>${markdown(desk.whatsWrong, { inline: true })}</span>
          <button type="button" class="quiet" aria-label="Dismiss" @click=${() => desk.dismiss()}>✕</button>
        </p>` : nothing}
      ${desk.news ? html`
        <p class="notice">
          <span>${markdown(desk.news, { inline: true })}</span>
          <button type="button" class="quiet" aria-label="Dismiss" @click=${() => desk.dismiss()}>✕</button>
        </p>` : nothing}
    </div>
  `;
}

const KEYS = [
  ["/", "write a message"],
  ["Enter", "send; Shift+Enter begins a new line"],
  ["j, k", "next and previous conversation"],
  ["p", "projects"],
  ["d", "dashboard"],
  ["?", "these keys"],
];

export const aboutKeys = () => html`
  <dialog id="keys" aria-labelledby="keys-title">
    <h2 id="keys-title">Keys</h2>
    <dl class="keys">${KEYS.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
    <form method="dialog"><button class="plain">Close</button></form>
  </dialog>
`;

/** Moves between panes where there is room for one alone. */
export const paneButton = (desk, pane, label, sign) => html`
  <button type="button" class="pane-button to-${pane}" aria-label=${label} @click=${() => toPane(desk, pane)}>${sign}</button>
`;

const FIRST = { left: "nav a", middle: "main .pane-button", right: "aside .pane-button" };

export function toPane(desk, pane) {
  desk.pane = pane;
  desk.draw();
  afterDrawn(() => document.querySelector(FIRST[pane])?.focus());
}

/** Behind the drawing that was asked for just before. */
export const afterDrawn = (act) => requestAnimationFrame(() => requestAnimationFrame(act));
