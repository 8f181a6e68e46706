// A project beside its conversation, and the parts that its card has too.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { count } from "../format.js";

export function projectSide(desk, project) {
  return html`
    <section class="card" aria-label="Project ${project.name}">
      <header><h3><bdi>${project.name}</bdi></h3><b class="badge" data-state=${project.container}>${project.container}</b></header>
      ${sshLine(project)} ${editors(desk, project)} ${tree(desk, project)} ${logs(desk, project)}
    </section>
  `;
}

export const sshLine = (project) => html`
  <p class="ssh"><code>ssh ${project.ssh}</code>
    <button type="button" class="quiet" data-copies="ssh ${project.ssh}">Copy<span class="hidden"> the ssh line of ${project.name}</span></button></p>
`;

/** Links that open the project in editors. */
export function editors(desk, project) {
  const known = detail(desk, project.name, "editors");
  if (!known?.links?.length) return nothing;
  return html`<p class="editors">${known.links.map((link) => html`<a class="plain" href=${safeLink(link.url)}>${link.name}</a>`)}</p>`;
}

const SCHEMES = /^(vscode|vscode-insiders|cursor|zed|jetbrains|jetbrains-gateway|jetbrains-fleet|ssh):/i;

const safeLink = (url) => (SCHEMES.test(url) ? url : "#");

/** Branch and what has changed: git is asked, so only where somebody looks. */
export function tree(desk, project) {
  if (!desk.steers || project.state !== "ready") return nothing;
  const known = desk.details.get(project.name)?.tree;
  const again = html`<button type="button" class="quiet" @click=${() => desk.readDetail(project.name, "tree")}>${known ? "Look again" : "Branch and changes"}</button>`;
  if (!known || known.refused) return html`<p class="sub">${known?.refused ?? nothing} ${again}</p>`;
  if (known.reading && known.branch === undefined) return html`<p class="sub">git is asked …</p>`;
  return html`
    <div class="tree">
      <p><b><bdi>${known.branch}</bdi></b> <small><bdi>${known.commit}</bdi></small> ${again}</p>
      ${known.changed.length ? listed(count(known.changed.length, "changed file"), known.changed) : html`<p class="sub">nothing changed</p>`}
      ${known.unpushed.length ? listed(count(known.unpushed.length, "commit") + " not pushed", known.unpushed) : nothing}
    </div>
  `;
}

const listed = (title, lines) => html`
  <details><summary>${title}</summary><pre tabindex="0">${lines.join("\n")}</pre></details>
`;

export function logs(desk, project) {
  if (!desk.steers || project.state !== "ready") return nothing;
  const known = desk.details.get(project.name)?.logs;
  return html`
    <details class="logs" @toggle=${(event) => event.target.open && desk.readDetail(project.name, "logs")}>
      <summary>Container's log</summary>
      ${known?.refused ? html`<p class="sub">${known.refused}</p>` : html`<pre tabindex="0">${known?.lines ? known.lines.join("\n") || "Nothing: it speaks of errors alone." : "…"}</pre>`}
    </details>
  `;
}

/** Read once, when it is first looked at. */
function detail(desk, name, what) {
  const known = desk.details.get(name)?.[what];
  if (!known && desk.state.projects.get(name)?.state === "ready") {
    desk.details.set(name, { ...desk.details.get(name), [what]: { reading: true } });
    queueMicrotask(() => desk.readDetail(name, what)); // not while it is drawn
  }
  return known;
}
