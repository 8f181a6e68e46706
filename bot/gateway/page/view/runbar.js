// What runs in a conversation at this moment, and the button that ends it.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { duration } from "../format.js";
import { ALIVE } from "../runs.js";
import { focusMessage } from "./composer.js";

export function runBars(desk, key) {
  const session = desk.state.sessions.get(key);
  const alive = [...desk.state.runs.values()].filter((run) => run.session === key && ALIVE.has(run.state));
  const waiting = session && !alive.length ? waitingWords(session) : "";
  return html`
    <div class="bars">
      ${repeat(alive, (run) => run.id, (run) => bar(desk, run))}
      ${waiting ? html`
        <div class="bar" data-state="waiting"><span class="what">${waiting}</span>
          <button type="button" class="danger" @click=${() => desk.stopAll(key)}>Stop</button></div>` : nothing}
    </div>
  `;
}

function waitingWords(session) {
  if (session.queue) return `Place ${session.queue.place} in line${session.queue.ahead ? `, behind ${session.queue.ahead}` : ""}`;
  return "";
}

function bar(desk, run) {
  const since = run.started_at ?? run.queued_at;
  const seconds = since ? Math.max(0, Date.now() / 1000 - since) : 0;
  return html`
    <div class="bar" data-run=${run.id} data-state=${run.state}>
      <span class="spin" aria-hidden="true"></span>
      <span class="what"><bdi>${doing(run)}</bdi></span>
      <span class="since">${seconds < 1 ? "" : duration(Math.floor(seconds)).replace(".0", "")}</span>
      <button type="button" class="danger" ?disabled=${run.stopping} @click=${() => stop(desk, run)}>Stop</button>
    </div>
  `;
}

async function stop(desk, run) {
  run.stopping = true;
  focusMessage(); // the button is about to go
  desk.draw();
  await desk.stopRun(run.id);
  run.stopping = false;
  desk.draw();
}

function doing(run) {
  if (run.stopping) return `Stopping run ${run.id} …`;
  const open = [...run.questions.values()].some((question) => question.decision === null);
  const who = run.work === "agent" ? (run.agent ?? "the agent") : run.title || run.work;
  if (open) return `${who} asks`;
  const step = run.steps.at(-1);
  if (step) return `${who} · ${step.step}`;
  const busy = [...run.tools.values()].findLast((call) => !["completed", "failed"].includes(call.status));
  if (busy) return `${who} · ${busy.title}`;
  return run.state === "running" ? `${who} works` : `${who} starts`;
}
