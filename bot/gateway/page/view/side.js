// The right: the run that is looked at, and the project of the conversation.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { clock, cost, count, duration } from "../format.js";
import { isOver } from "../runs.js";
import { paneButton } from "./frame.js";
import { projectSide } from "./projectside.js";

export function sideView(desk) {
  const session = desk.state.sessions.get(desk.current);
  const run = desk.shownRun;
  if (!run) recall(desk);
  const project = desk.state.projects.get(session?.project ?? run?.project ?? "");
  return html`
    <aside class="side" aria-label="Details">
      <header>${paneButton(desk, "middle", "Back to the conversation", "←")}</header>
      <h2 class="hidden">Details</h2>
      ${run ? runCard(desk, run) : html`<p class="quietly">What a run does, and what became of it, is shown here.</p>`}
      ${project ? projectSide(desk, project) : nothing}
    </aside>
  `;
}

/** The run that the conversation ended with, where it was over before this page was opened. */
function recall(desk) {
  const talk = desk.state.conversations.get(desk.current);
  const runs = talk ? [...talk.messages.values(), ...talk.said.values()].map((each) => each.run ?? 0) : [];
  const newest = Math.max(0, ...runs);
  if (newest) desk.ask(newest);
}

// ---------------------------------------------------------------- the run

const STATES = {
  queued: "in line",
  starting: "starting",
  running: "running",
  stopping: "stopping",
  succeeded: "done",
  failed: "failed",
  stopped: "stopped",
  timed_out: "out of time",
  interrupted: "cut off",
  failed_to_kill: "could not be ended",
};

function runCard(desk, run) {
  if (isOver(run) && !run.whole) desk.ask(run.id, "its end"); // the API knows more of it than was told
  return html`
    <section class="card" aria-label="Run ${run.id}">
      <header>
        <h3>Run ${run.id}</h3>
        <b class="badge" data-state=${run.state}>${STATES[run.state] ?? run.state}</b>
      </header>
      <p class="sub"><bdi>${[run.work === "agent" ? run.agent : run.title || run.work, run.model, run.project].filter(Boolean).join(" · ")}</bdi></p>
      ${timeline(desk, run)} ${steps(run)} ${tools(run)} ${sums(run)} ${proof(run)}
      ${run.error ? html`<p class="wrong">${run.error}</p>` : nothing}
      ${run.notes.map((note) => html`<p class="sub">${note}</p>`)}
      ${actions(desk, run)}
    </section>
  `;
}

/** From the window to the end, each with its time. */
function timeline(desk, run) {
  const said = [...(desk.state.conversations.get(run.session)?.messages.values() ?? [])].filter((each) => each.run === run.id);
  const first = said.length ? Math.min(...said.map((each) => each.at)) : run.queued_at;
  const began = run.started_at ?? null;
  const now = Date.now() / 1000;
  const working = run.running_at ?? (run.state === "running" ? began : null); // the API does not keep that moment
  const points = [
    first && { name: gathered(run), at: first, until: began },
    began && { name: "started", at: began, until: working ?? run.ended_at },
    working && { name: "at work", at: working, until: run.ended_at ?? now },
    run.ended_at && { name: STATES[run.state] ?? run.state, at: run.ended_at, state: run.state },
  ].filter(Boolean);
  return html`
    <ol class="timeline">${points.map((point) => html`
      <li data-state=${point.state ?? ""}>
        <time>${clock(point.at)}</time> <span>${point.name}</span>
        ${point.until - point.at > 0.01 ? html`<small>${duration(Math.max(0, point.until - point.at))}</small>` : nothing}
      </li>`)}</ol>
  `;
}

const gathered = (run) => (run.messages?.length ? `${count(run.messages.length, "message")} gathered` : "asked for");

const MARKS = { done: "✔", failed: "✘", begun: "…" };

const steps = (run) =>
  run.steps.length
    ? html`<ul class="steps">${run.steps.map((step) => html`
        <li data-state=${step.state}>${MARKS[step.state] ?? ""} ${step.step} ${step.text ? html`<small><bdi>${step.text}</bdi></small>` : nothing}</li>`)}</ul>`
    : nothing;

function tools(run) {
  const calls = [...run.tools.values()];
  if (!calls.length) return nothing;
  return html`
    <details class="tools">
      <summary>${count(calls.length, "tool call")}</summary>
      <ul>${calls.map((call) => html`
        <li data-state=${call.status}><bdi>${call.title}</bdi>
          ${call.detail ? html`<details><summary>what it was given</summary><pre tabindex="0">${call.detail}</pre></details>` : nothing}</li>`)}</ul>
    </details>
  `;
}

function sums(run) {
  if (!run.cost && !run.tokens_in && !run.tokens_out) return nothing;
  return html`
    <dl class="sums">
      <div><dt>Cost</dt><dd>${cost(run.cost)}</dd></div>
      <div><dt>Tokens in</dt><dd>${run.tokens_in.toLocaleString()}</dd></div>
      <div><dt>Tokens out</dt><dd>${run.tokens_out.toLocaleString()}</dd></div>
    </dl>
  `;
}

function proof(run) {
  const found = run.proof;
  if (!found) return nothing;
  if (!found.verified) return html`<p class="wrong">Not proven gone: ${found.survivors.join(", ") || found.note}</p>`;
  return html`<p class="sub proof">✔ ${count(found.found, "process", "processes")}, all verified gone in ${duration(found.seconds)}</p>`;
}

function actions(desk, run) {
  if (!isOver(run)) return html`<p><button type="button" class="danger" @click=${() => desk.stopRun(run.id)}>Stop run ${run.id}</button></p>`;
  const again = ["failed", "stopped", "timed_out", "interrupted"].includes(run.state);
  return again ? html`<p><button type="button" class="plain" @click=${() => desk.say(run.session, `retry ${run.id}`)}>Retry</button></p>` : nothing;
}
