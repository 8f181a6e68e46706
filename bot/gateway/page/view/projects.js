// All projects as cards, and the form for a new one.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { ago, memory } from "../format.js";
import { editors, logs, sshLine, tree } from "./projectside.js";
import { paneButton } from "./frame.js";

export function projectsView(desk) {
  const all = [...desk.state.projects.values()];
  return html`
    <main class="look">
      <header>
        ${paneButton(desk, "left", "Show conversations", "☰")}
        <h1>Projects</h1>
        ${desk.steers ? html`<button type="button" class="main" @click=${() => openDialog(desk)}>New project</button>` : nothing}
      </header>
      ${all.length === 0 ? html`<p class="quietly">No project yet. One is a folder with your code, in a container of its own, with its tools,
        an ssh name for your editor, and an agent inside.</p>` : nothing}
      <div class="cards">${repeat(all, (each) => each.name, (each) => card(desk, each))}</div>
    </main>
  `;
}

function card(desk, project) {
  const ready = project.state === "ready";
  return html`
    <section class="card" aria-label="Project ${project.name}">
      <header><h2><bdi>${project.name}</bdi></h2>
        <b class="badge" data-state=${ready ? project.container : project.state}>${ready ? project.container : project.state.replace("_", " ")}</b></header>
      <p class="sub"><bdi>${[project.stacks.join(", ") || "no tool chain", project.agent, `${project.cpus} cpu`, memory(project.memory)].filter(Boolean).join(" · ")}</bdi>
        · last used: ${ago(Date.parse(project.used_at) / 1000, Date.now() / 1000)}</p>
      ${ready ? html`${sshLine(project)} ${editors(desk, project)} ${tree(desk, project)} ${logs(desk, project)}` : nothing}
      ${desk.steers && ready ? actions(desk, project) : nothing}
    </section>
  `;
}

const DOING = { start: "Starting …", stop: "Stopping …", rebuild: "Rebuilding …" };

function actions(desk, project) {
  const busy = desk.busy.get(project.name);
  const does = (what, label) => html`
    <button type="button" class="plain" ?disabled=${busy !== undefined} @click=${() => desk.projectDoes(project.name, what)}>${busy === what ? DOING[what] : label}</button>`;
  return html`
    <p class="actions">
      <button type="button" class="plain" @click=${() => talkAbout(desk, project)}>Talk</button>
      ${project.container === "running" ? does("stop", "Stop container") : does("start", "Start container")}
      ${does("rebuild", "Rebuild")}
    </p>
  `;
}

/** A conversation of one's own about a project, under its name. */
async function talkAbout(desk, project) {
  const key = `${desk.me.session}/${project.name.toLowerCase().replace(/[^a-z0-9-]+/g, "-").slice(0, 40)}`;
  if (desk.state.sessions.get(key)?.project !== project.name) await desk.say(key, `use ${project.name}`);
  desk.go(`#/s/${encodeURIComponent(key)}`);
}

// ---------------------------------------------------------------- a new one

function openDialog(desk) {
  desk.refusal = "";
  desk.readStacks();
  document.getElementById("new-project").showModal();
}

export const newProjectDialog = (desk) => html`
  <dialog id="new-project" aria-labelledby="new-project-title">
    <form @submit=${(event) => made(desk, event)}>
      <h2 id="new-project-title">New project</h2>
      <label>Name <input name="name" required maxlength="60" pattern="[a-z][a-z0-9\\-]*" title="Small letters, digits and -; a letter first" autocomplete="off" placeholder="harbour" aria-describedby="name-help" autofocus></label>
      <p class="sub" id="name-help">Small letters, digits and -</p>
      <label>Git URL <input name="git" maxlength="1000" autocomplete="off" placeholder="https://… or empty for a fresh one" aria-describedby="git-help"></label>
      <p class="sub" id="git-help">https or ssh. Never with a password inside: <code>tugbot secrets</code> keeps logins.</p>
      <label>Branch <input name="branch" maxlength="200" autocomplete="off" placeholder="the repository's own"></label>
      <fieldset><legend>Tool chains</legend>
        <p class="sub">None ticked: found by the files.</p>
        ${desk.stacks ? nothing : html`<p class="sub" role="status">Reading which there are …</p>`}
        ${(desk.stacks ?? []).map((stack) => html`<label class="tick"><input type="checkbox" name="stacks" value=${stack.name}> ${stack.name}</label>`)}
      </fieldset>
      ${desk.refusal ? html`<p class="wrong" role="alert">${desk.refusal}</p>` : nothing}
      <p class="actions">
        <button class="main" ?disabled=${desk.making}>Create</button>
        <button type="button" class="plain" @click=${(event) => event.target.closest("dialog").close()}>Cancel</button>
      </p>
    </form>
  </dialog>
`;

async function made(desk, event) {
  event.preventDefault();
  const form = event.target;
  const said = new FormData(form);
  const name = said.get("name").trim();
  const key = `${desk.me.session}/${name.toLowerCase().replace(/[^a-z0-9-]+/g, "-").slice(0, 40)}`;
  const wishes = { stacks: said.getAll("stacks"), session: key };
  for (const field of ["git", "branch"]) if (said.get(field).trim()) wishes[field] = said.get(field).trim();
  desk.making = true;
  desk.draw();
  try {
    await desk.newProject(name, wishes);
  } catch (refused) {
    desk.refusal = refused.message;
    return;
  } finally {
    desk.making = false;
    desk.draw();
  }
  form.reset();
  form.closest("dialog").close();
  desk.go(`#/s/${encodeURIComponent(key)}`);
}
