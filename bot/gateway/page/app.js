// The page: what is shown where, by the address behind the #, and what the keyboard does.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { conversationView } from "./view/conversation.js";
import { aboutKeys, loggedOut, notice } from "./view/frame.js";
import { focusMessage } from "./view/composer.js";
import { newProjectDialog, projectsView } from "./view/projects.js";
import { sideView } from "./view/side.js";
import { listView } from "./view/list.js";
import { Desk } from "./desk.js";

const root = document.getElementById("page");
root.replaceChildren(); // what says that the page is loading
let due = 0;
let ticking = 0;

let dashboard = null; // its charts are loaded when somebody wants to see them

const desk = new Desk(draw);
desk.draw = draw;
desk.go = (to) => {
  location.hash = to;
};

/** Soon, and once for all that changes together. */
function draw() {
  if (document.hidden) document.title = titled(); // nothing is drawn out of sight, but the tab's name is seen
  due ||= requestAnimationFrame(() => {
    due = 0;
    const held = document.activeElement !== document.body;
    render(page(), root);
    document.title = titled();
    if (held && document.activeElement === document.body) focusMessage(); // what had the focus is not there any more
  });
}

function titled() {
  const open = [...desk.state.sessions.values()].reduce((sum, each) => sum + each.questions, 0);
  return open ? `(${open}) Tugbot asks` : "Tugbot";
}

function route() {
  const [, view = "", key = ""] = location.hash.split("/");
  return { view, key: safely(key) };
}

function safely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function page() {
  if (desk.state.link === "out") return loggedOut();
  if (!desk.me) return html`<p class="hello" role="status">Tugbot does not answer yet. It is tried again …</p>`;
  const { view } = route();
  const talks = view !== "projects" && view !== "dashboard";
  return html`
    <button type="button" class="skip main" @click=${focusMessage}>Skip to the message</button>
    ${notice(desk)}
    <div class="frame ${talks ? "talks" : "looks"}" data-pane=${desk.pane ?? "middle"}>
      ${listView(desk, view)}
      ${view === "projects" ? projectsView(desk) : view === "dashboard" ? dashboardView() : conversationView(desk)}
      ${talks ? sideView(desk) : nothing}
    </div>
    ${newProjectDialog(desk)} ${aboutKeys()}
  `;
}

function dashboardView() {
  if (dashboard) return dashboard.dashboardView(desk);
  import("./view/dashboard.js").then((module) => {
    dashboard = module;
    draw();
  });
  return html`<main class="look"><p class="quietly" role="status">Reading …</p></main>`;
}

function navigate() {
  if (!desk.me) return;
  const { view, key } = route();
  desk.view = view;
  desk.pane = "middle";
  desk.whatsWrong = desk.news = "";
  if (view === "projects") desk.readProjects();
  else if (view === "dashboard") desk.readStats();
  else desk.look(view === "s" && key ? key : desk.me.session);
  draw();
}

// ---------------------------------------------------------------- keyboard

const KEYS = {
  "/": () => focusMessage(),
  "?": () => document.getElementById("keys")?.showModal(),
  p: () => desk.go("#/projects"),
  d: () => desk.go("#/dashboard"),
  j: () => step(+1),
  k: () => step(-1),
};

function step(by) {
  const links = [...document.querySelectorAll("nav a[data-session]")];
  const now = links.findIndex((link) => link.dataset.session === desk.current);
  links[Math.min(Math.max(now + by, 0), links.length - 1)]?.click();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

// ---------------------------------------------------------------- copying

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copies]");
  if (!button) return;
  const text = button.dataset.copies === "code" ? button.parentElement.querySelector("pre").textContent : button.dataset.copies;
  const word = button.firstChild; // what stands behind it, for who hears the page, stays
  try {
    await navigator.clipboard.writeText(text);
    word.nodeValue = "Copied";
  } catch {
    word.nodeValue = "Not allowed"; // over plain http from another machine, browsers lend no clipboard
  }
  setTimeout(() => (word.nodeValue = "Copy"), 1_500);
});

// ---------------------------------------------------------------- time

/** Seconds of what is under way; nothing ticks where nothing is. */
function tick() {
  const alive = [...desk.state.runs.values()].some((run) => desk.isAlive(run.id));
  if (alive || desk.state.link !== "live") draw();
  ticking = setTimeout(tick, 1_000);
}

window.addEventListener("hashchange", navigate);
await desk.begin();
navigate();
if (matchMedia("(hover: hover)").matches) requestAnimationFrame(focusMessage); // a touch screen would show its keyboard
clearTimeout(ticking);
tick();
