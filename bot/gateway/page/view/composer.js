// Where something is said: text, files by button, drop or paste.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { bytes } from "../format.js";
import { toEnd } from "./scroll.js";

const LONGEST = 100_000; // characters of a message, and files with it: as the API takes them
const FILES = 10;

const drafts = new Map(); // by session: {text, files: [{file, id, trouble}]}

const draft = (key) => {
  if (!drafts.has(key)) drafts.set(key, { text: sessionStorage.getItem(`draft ${key}`) ?? "", files: [] });
  return drafts.get(key);
};

/** What could not be sent, to be written anew; behind what stands there already. */
export function restore(key, { text, files }) {
  const mine = draft(key);
  mine.text = [mine.text, text].filter(Boolean).join("\n");
  mine.files.push(...files.map(({ id, name, size }) => ({ file: { name, size }, id, trouble: "" })));
  requestAnimationFrame(() => requestAnimationFrame(() => grown(document.getElementById("message"))));
}

export const focusMessage = () => document.getElementById("message")?.focus();

export function composer(desk, key) {
  const mine = draft(key);
  const sending = mine.files.some((each) => !each.id && !each.trouble);
  return html`
    <form class="composer" @submit=${(event) => sent(desk, key, event)}>
      ${mine.files.length ? html`<ul class="chips">${mine.files.map((each) => chip(desk, key, each))}</ul>` : nothing}
      <div class="row">
        <label class="attach" title="Attach files">
          <span aria-hidden="true">📎</span><span class="hidden">Attach files</span>
          <input type="file" multiple class="hidden" @change=${(event) => picked(desk, key, event)}>
        </label>
        <textarea id="message" rows="1" aria-label="Message" placeholder="Message or command" enterkeyhint="send"
          dir="auto" .value=${live(mine.text)} @input=${(event) => typed(key, event)} @keydown=${(event) => pressed(event)}
          @paste=${(event) => pasted(desk, key, event)} ${ref(grown)}></textarea>
        <button class="main" ?disabled=${sending}>Send</button>
      </div>
    </form>
  `;
}

const chip = (desk, key, each) => html`
  <li class=${each.trouble ? "wrong" : ""}>
    <bdi>${each.file.name}</bdi> <small>${each.trouble || (each.id ? bytes(each.file.size) : "…")}</small>
    ${each.trouble ? html`<button type="button" class="quiet" @click=${() => bring(desk, key, each)}>Try again</button>` : nothing}
    <button type="button" class="quiet" aria-label="Remove ${each.file.name}" @click=${() => {
      draft(key).files = draft(key).files.filter((other) => other !== each);
      desk.draw();
    }}>✕</button>
  </li>
`;

// ---------------------------------------------------------------- typing

function typed(key, event) {
  draft(key).text = event.target.value;
  sessionStorage.setItem(`draft ${key}`, event.target.value); // over a reload, and a login that ended meanwhile
  grow(event.target);
}

/** lit-html's ref: a draft may be there already. It has a height once it is on the page. */
function grown(area) {
  if (area) requestAnimationFrame(() => area.isConnected && grow(area));
}

/** As high as its text, up to the height that the style sheet allows. */
function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

function pressed(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // an input method still composes a word
  event.preventDefault();
  event.target.form.requestSubmit();
}

function sent(desk, key, event) {
  event.preventDefault();
  const mine = draft(key);
  const obstacle = whyNot(mine);
  if (obstacle) {
    desk.whatsWrong = obstacle;
    return desk.draw();
  }
  const files = mine.files;
  const text = mine.text.trim() || files.map((each) => each.file.name).join(", ");
  if (!text) return;
  drafts.delete(key);
  sessionStorage.removeItem(`draft ${key}`);
  desk.whatsWrong = "";
  const area = event.target.querySelector("textarea");
  area.style.height = "auto";
  desk.say(key, text, files.map((each) => ({ id: each.id, name: each.file.name, size: each.file.size })));
  desk.draw();
  toEnd();
}

/** Nothing that was typed or dropped is lost on the way. "": it can be sent. */
function whyNot(mine) {
  if (mine.text.length > LONGEST) return `A message has at most ${LONGEST.toLocaleString()} characters; this one has ${mine.text.length.toLocaleString()}. Send it as a file.`;
  if (mine.files.some((each) => each.trouble)) return "A file could not be taken. Remove it, then send.";
  if (mine.files.some((each) => !each.id)) return "A file is still on its way. Send when it is there.";
  if (mine.files.length > FILES) return `A message takes at most ${FILES} files.`;
  return "";
}

// ---------------------------------------------------------------- files

function picked(desk, key, event) {
  attach(desk, key, [...event.target.files]);
  event.target.value = "";
}

function pasted(desk, key, event) {
  const files = [...event.clipboardData.files];
  if (!files.length) return;
  event.preventDefault();
  attach(desk, key, files);
}

export function droppable(event) {
  const brings = event.type === "dragover" && event.dataTransfer.types.includes("Files");
  event.currentTarget.classList.toggle("drops", brings);
  if (brings) event.preventDefault();
}

export function dropped(desk, event) {
  event.currentTarget.classList.remove("drops");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  attach(desk, desk.current, [...event.dataTransfer.files]);
}

/** One after another: a gateway takes few uploads at a time. */
async function attach(desk, key, files) {
  const added = files.map((file) => ({ file, id: null, trouble: "" }));
  draft(key).files.push(...added);
  desk.draw();
  for (const each of added) await bring(desk, key, each);
  focusMessage();
}

async function bring(desk, key, each) {
  each.trouble = "";
  desk.draw();
  try {
    each.id = (await desk.upload(key, each.file)).id;
  } catch (refused) {
    each.trouble = refused.message;
  }
  desk.draw();
}
