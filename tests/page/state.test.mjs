import assert from "node:assert/strict";
import { test } from "node:test";

import { isOver, read } from "../../bot/gateway/page/runs.js";
import { apply, empty } from "../../bot/gateway/page/state.js";
import { KEY, World, message } from "./world.mjs";

const run = (world) => world.state.runs.get(7);
const begin = (world, more = {}) =>
  world.tell("run.started", { run: 7, work: "agent", agent: "claude", title: "", messages: [1], ...more });

const record = (more = {}) => ({
  id: 7, kind: "agent", prompt: "message 1", session: KEY, project: "harbour", agent: "claude", model: "m", requested_by: "Ann",
  state: "succeeded", queued_at: "2026-11-21T10:00:00Z", started_at: "2026-11-21T10:00:01Z", ended_at: "2026-11-21T10:00:09Z",
  cost: 0.02, tokens_in: 10, tokens_out: 20, error: null, ...more,
});

test("a run from its start to its end", () => {
  const world = new World();
  world.accept(1);
  world.tell("run.queued", { place: 2, ahead: "run 3" });
  assert.deepEqual([world.session.waiting, world.session.queue], [1, { place: 2, ahead: "run 3" }]);
  begin(world);
  assert.deepEqual([world.session.waiting, world.session.queue, world.session.running], [0, null, [7]]);
  assert.deepEqual([world.stateOf(1), world.talk.messages.get(1).run], ["claimed", 7]);
  assert.deepEqual([run(world).state, run(world).started_at, isOver(run(world))], ["starting", 1795255260, false]);
  world.tell("run.running", { run: 7, at: 1795255262 });
  assert.deepEqual([run(world).state, run(world).running_at], ["running", 1795255262]);
  world.tell("run.ended", { run: 7, at: 1795255270, state: "succeeded", reason: "", cost: 0.5, tokens_in: 3, tokens_out: 4, killed: null });
  assert.deepEqual([run(world).state, run(world).cost, run(world).error, isOver(run(world))], ["succeeded", 0.5, null, true]);
  assert.deepEqual([world.session.running, [...world.state.stale]], [[], ["sessions", "stats"]]);
});

test("a run that is told of again is counted once", () => {
  const world = new World();
  begin(world);
  begin(world);
  assert.deepEqual(world.session.running, [7]);
});

test("tool calls are known by their name, and the last word counts", () => {
  const world = new World();
  begin(world);
  const call = { run: 7, call: "c1", title: "ls", tool: "bash" };
  world.tell("run.tool", { ...call, status: "running", detail: "" });
  world.tell("run.tool", { run: 7, call: "c2", title: "make", tool: "bash", status: "running", detail: "" });
  world.tell("run.tool", { ...call, status: "done", detail: "ls -l" });
  assert.deepEqual([...run(world).tools.values()].map((each) => [each.title, each.status, each.detail]), [
    ["ls", "done", "ls -l"], ["make", "running", ""],
  ]);
});

test("questions are counted by conversation until they end", () => {
  const world = new World();
  begin(world);
  world.tell("run.asked", { run: 7, question: "q", agent: "claude", tool: "bash", input: "rm x", always: true });
  assert.equal(world.session.questions, 1);
  world.tell("run.decided", { run: 7, question: "q", decision: "once", by: "Ann", why: "" });
  assert.equal(world.session.questions, 0);
  const { decision, by, input } = run(world).questions.get("q");
  assert.deepEqual([decision, by, input], ["once", "Ann", "rm x"]);
  world.tell("run.decided", { run: 7, question: "never asked", decision: "over", by: "" });
  assert.equal(world.session.questions, 0);
});

test("a chore tells its steps, each once", () => {
  const world = new World();
  begin(world, { work: "build" });
  world.tell("project.step", { run: 7, step: "clone", state: "begun", text: "" });
  world.tell("project.step", { run: 7, step: "clone", state: "done", text: "3 files" });
  world.tell("project.step", { run: 7, step: "build", state: "begun", text: "" });
  assert.deepEqual(run(world).steps, [
    { step: "clone", state: "done", text: "3 files" }, { step: "build", state: "begun", text: "" },
  ]);
  world.tell("project.step", { run: null, step: "by itself", state: "done", text: "" });
  assert.equal(world.state.runs.size, 1);
});

test("how it was ended is kept", () => {
  const world = new World();
  begin(world);
  const killed = { found: 3, seconds: 0.2, verified: true, survivors: [] };
  world.tell("run.ended", { run: 7, state: "stopped", reason: "Ann said stop", cost: null, tokens_in: null, tokens_out: null, killed });
  assert.deepEqual([run(world).proof, run(world).error, run(world).cost], [killed, "Ann said stop", 0]);
});

test("what the API says of a run and what was told of it come together", () => {
  const world = new World();
  begin(world);
  world.tell("run.tool", { run: 7, call: "c1", title: "ls", tool: "bash", status: "done", detail: "" });
  read(world.state, record({ messages: [1], proof: null }));
  assert.deepEqual([run(world).state, run(world).tools.size, run(world).whole], ["succeeded", 1, true]);
  assert.equal(run(world).ended_at - run(world).started_at, 8);
  world.tell("run.running", { run: 7 }); // late
  assert.equal(run(world).state, "succeeded");
  read(world.state, record()); // out of a list, which has less of it
  assert.deepEqual(run(world).messages, [1]);
});

test("networks and projects are asked about again when they change", () => {
  const world = new World();
  world.tell("transport.failed", { session: null, transport: "matrix", reason: "x", lasting: false });
  world.tell("project.changed", { project: "harbour", state: "ready", container: "running" });
  assert.deepEqual([...world.state.stale].sort(), ["health", "projects"]);
});

test("a conversation that was not known is asked for", () => {
  const state = empty();
  apply(state, "message.accepted", { at: 1, session: "web/x", id: 1, event_id: "e", attachments: [], command: false });
  assert.deepEqual([...state.stale], ["sessions"]);
});

test("events of a newer bot change nothing", () => {
  const world = new World(message(1));
  const before = structuredClone(world.state);
  world.tell("run.danced", { run: 7 });
  assert.deepEqual(world.state, before);
});

test("events about what this page has never heard of break nothing", () => {
  const world = new World();
  world.tell("message.retracted", { id: null, event_id: "e9" });
  world.tell("message.answered", { ids: [9], state: "answered" });
  world.tell("message.discarded", { session: "web/other", count: 1, upto: 4 });
  world.tell("run.queued", { session: "web/other", place: 1, ahead: "" });
  world.tell("run.running", { run: 9, session: null });
  world.tell("run.ended", { run: 10, session: "web/other", state: "failed", reason: "x", cost: null, killed: null });
  assert.equal(world.state.runs.get(10).state, "failed");
});

test("what a message was counted for is taken off again when it waits no more", () => {
  const world = new World();
  for (const id of [1, 2]) world.accept(id);
  world.tell("message.refused", { id: 3, event_id: "e3", reason: "too many" }); // in place of being accepted
  assert.equal(world.session.waiting, 2);
  world.tell("message.retracted", { id: 1, event_id: "e1" });
  assert.equal(world.session.waiting, 1);
  world.tell("message.joined", { ids: [2], run: 7 });
  assert.equal(world.session.waiting, 0);
  world.tell("message.returned", { ids: [2] });
  assert.equal(world.session.waiting, 1);
});
