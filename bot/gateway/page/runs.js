// Runs: what is under way, step by step, as it is told. Pure.

import { moment } from "./format.js";

export const ALIVE = new Set(["queued", "starting", "running", "stopping"]);

/** Whether nothing that was asked in a run waits for an answer any more; a chat that cannot edit keeps its buttons. */
export const isAnswered = (run) =>
  run !== undefined && run.questions.size > 0 && [...run.questions.values()].every((each) => each.decision !== null);

export const isOver = (run) => run !== undefined && !ALIVE.has(run.state);

function fresh(id) {
  return {
    id,
    work: "agent",
    title: "",
    session: null,
    project: null,
    agent: null,
    state: "starting",
    queued_at: null,
    started_at: null,
    running_at: null,
    ended_at: null,
    tools: new Map(), // by call: {title, tool, status, detail}
    steps: [], // of a chore: {step, state, text}
    notes: [],
    questions: new Map(), // by question: {agent, tool, input, always, decision, by}
    cost: 0,
    tokens_in: 0,
    tokens_out: 0,
    error: null,
    proof: null, // of how it was ended: {found, seconds, verified, survivors}
    whole: false, // the API was asked for it since it ended
  };
}

const MOST = 500; // runs that are kept; the API has them all

function forget(runs) {
  for (const [id, run] of runs) {
    if (runs.size < MOST / 2) return;
    if (isOver(run)) runs.delete(id);
  }
}

function known(state, id) {
  if (!state.runs.has(id)) {
    if (state.runs.size >= MOST) forget(state.runs);
    state.runs.set(id, fresh(id));
  }
  return state.runs.get(id);
}

/** A run as the API has it. */
export function read(state, record) {
  const run = known(state, record.id);
  Object.assign(run, {
    work: record.kind,
    title: record.kind === "agent" ? "" : (record.prompt ?? run.title),
    prompt: record.prompt ?? run.prompt,
    session: record.session,
    project: record.project,
    agent: record.agent,
    model: record.model,
    requested_by: record.requested_by,
    state: record.state,
    queued_at: moment(record.queued_at),
    started_at: moment(record.started_at),
    ended_at: moment(record.ended_at),
    cost: record.cost,
    tokens_in: record.tokens_in,
    tokens_out: record.tokens_out,
    error: record.error,
    messages: record.messages ?? run.messages,
    proof: record.proof ?? run.proof,
    whole: "proof" in record,
  });
}

// ---------------------------------------------------------------- events

export function started(state, event) {
  const run = known(state, event.run);
  Object.assign(run, {
    work: event.work,
    title: event.title,
    session: event.session,
    project: event.project,
    agent: event.agent,
    messages: event.messages,
    started_at: run.started_at ?? event.at,
  });
}

export function running(state, event) {
  const run = known(state, event.run);
  if (isOver(run)) return;
  run.state = "running";
  run.running_at = event.at;
}

export function tool(state, event) {
  const { call, title, tool: name, status, detail } = event;
  known(state, event.run).tools.set(call, { title, tool: name, status, detail });
}

export function noted(state, event) {
  known(state, event.run).notes.push(event.text);
}

export function asked(state, event) {
  const { agent, tool: name, input, always } = event;
  known(state, event.run).questions.set(event.question, { agent, tool: name, input, always, decision: null, by: "" });
}

export function decided(state, event) {
  const question = known(state, event.run).questions.get(event.question);
  if (question) Object.assign(question, { decision: event.decision, by: event.by });
}

export function stepped(state, event) {
  if (event.run === null) return;
  const { steps } = known(state, event.run);
  const last = steps.at(-1);
  if (last?.step === event.step) Object.assign(last, { state: event.state, text: event.text });
  else steps.push({ step: event.step, state: event.state, text: event.text });
}

export function ended(state, event) {
  const run = known(state, event.run);
  Object.assign(run, {
    state: event.state,
    ended_at: event.at,
    whole: false,
    error: event.reason || null,
    cost: event.cost ?? run.cost,
    tokens_in: event.tokens_in ?? run.tokens_in,
    tokens_out: event.tokens_out ?? run.tokens_out,
    proof: event.killed ?? run.proof,
  });
}
