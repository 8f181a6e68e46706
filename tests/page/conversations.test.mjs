import assert from "node:assert/strict";
import { test } from "node:test";

import { conversation, entries, paged } from "../../bot/gateway/page/conversations.js";
import { empty } from "../../bot/gateway/page/state.js";
import { KEY, World, message, pageOf, said } from "./world.mjs";

const keys = (talk) => entries(talk).map((each) => each.key);

test("pages are put together, the oldest first, each entry once", () => {
  const talk = conversation();
  paged(empty(), talk, pageOf("m3.s3", said(4), message(4), said(3), message(3)));
  assert.equal(talk.next, "m3.s3");
  paged(empty(), talk, pageOf(null, said(3), message(2), said(1), message(1)));
  assert.deepEqual(keys(talk), ["m1", "s1", "m2", "m3", "s3", "m4", "s4"]);
  assert.equal(talk.next, null);
});

test("what is read anew takes the place of what was known, but for what is on its way", () => {
  const { state, talk } = new World(message(1), said(1));
  talk.sending.set("x", { text: "hello", at: 9e9, trouble: "", files: [] });
  paged(state, talk, pageOf("m8.s8", message(8)), { anew: true });
  assert.deepEqual(keys(talk), ["m8", "ex"]);
  assert.equal(talk.next, "m8.s8");
});

test("in the same moment the answer stands behind what it answers, and ids count as numbers", () => {
  const at = "2026-11-21T10:00:00Z";
  const talk = conversation();
  paged(empty(), talk, pageOf(null, said(1, { at }), message(10, { accepted_at: at }), message(9, { accepted_at: at })));
  assert.deepEqual(keys(talk), ["m9", "m10", "s1"]);
});

test("what was on its way is there once", () => {
  const { state, talk } = new World();
  talk.sending.set("e5", { text: "hello", at: 1, trouble: "", files: [] });
  talk.sending.set("e6", { text: "more", at: 2, trouble: "", files: [] });
  const world = Object.assign(Object.create(World.prototype), { state, talk });
  world.accept(5);
  assert.deepEqual(keys(talk), ["m5", "e" + "e6"]);
  paged(state, talk, pageOf(null, message(6), message(5)));
  assert.deepEqual(keys(talk), ["m5", "m6"]);
});

test("a message is shown when it is accepted, once", () => {
  const world = new World();
  world.accept(1, { attachments: ["a.txt"] });
  world.accept(1);
  const [{ message: shown }] = entries(world.talk);
  assert.equal(entries(world.talk).length, 1);
  assert.deepEqual([shown.text, shown.state, shown.attachments, shown.at], ["message 1", "waiting", 1, 1795255260]);
});

test("a command waits for nothing", () => {
  const world = new World();
  world.accept(1, { command: true });
  assert.deepEqual([world.stateOf(1), world.session.waiting], ["accepted", 0]);
});

test("messages go through their states", () => {
  const world = new World(message(1), message(2));
  world.tell("message.edited", { id: 1, event_id: "e1", text: "better" });
  world.tell("message.retracted", { id: null, event_id: "e2" });
  assert.deepEqual([world.talk.messages.get(1).text, world.stateOf(2)], ["better", "retracted"]);
  world.tell("message.joined", { ids: [1], run: 7 });
  assert.deepEqual([world.stateOf(1), world.talk.messages.get(1).run], ["claimed", 7]);
  world.tell("message.returned", { ids: [1] });
  assert.equal(world.stateOf(1), "waiting");
  world.tell("message.answered", { ids: [1, 99], state: "answered", text: "" });
  assert.equal(world.stateOf(1), "answered");
});

test("a stop discards what waited up to its moment", () => {
  const world = new World(message(1, { state: "answered" }), message(2), message(3));
  world.tell("message.discarded", { count: 1, upto: 2 });
  assert.deepEqual([1, 2, 3].map((id) => world.stateOf(id)), ["answered", "stopped", "waiting"]);
});

// ---------------------------------------------------------------- what the bot says

test("an answer grows", () => {
  const world = new World();
  const told = { id: 4, kind: "live", parts: [{ text: "It", aside: false }], choices: [], file: null, run: 7 };
  world.tell("said.added", told);
  world.tell("said.added", told);
  for (const [version, append] of [[1, " wor"], [2, "ks"]]) {
    world.tell("said.changed", { id: 4, kind: "live", keep: 1, append, parts: [], choices: [], version, run: 7 });
  }
  assert.equal(world.textOf(4), "It works");
  assert.equal(world.state.stale.size, 0);
});

const grown = (version, append) => ({ id: 4, kind: "live", keep: 1, append, parts: [], choices: [], version });

test("a change that is known already is not done twice", () => {
  const world = new World(said(4, { version: 2 }));
  world.tell("said.changed", grown(1, "!"));
  world.tell("said.changed", grown(2, "!"));
  assert.equal(world.textOf(4), "answer 4");
  world.tell("said.changed", grown(3, "!"));
  assert.equal(world.textOf(4), "answer 4!");
});

test("where a change is missing, the conversation is read anew", () => {
  const world = new World(said(4));
  world.tell("said.changed", grown(2, "!"));
  assert.equal(world.textOf(4), "answer 4");
  assert.deepEqual([...world.state.stale], [KEY]);
});

test("what nobody looks at is left alone", () => {
  const world = new World();
  world.tell("said.added", { session: "matrix/!elsewhere", id: 1, parts: [], choices: [] });
  world.tell("said.changed", { ...grown(1, "x"), session: "matrix/!elsewhere" });
  assert.deepEqual([...world.state.conversations.keys()], [KEY]);
  world.tell("said.changed", grown(1, "x")); // further up than was read
  assert.equal(world.state.stale.size, 0);
});

// ---------------------------------------------------------------- events while a page is on its way

test("what is told while the first page is read is there afterwards, whatever the page knew of it", () => {
  const told = (world) => () => {
    world.accept(5);
    world.tell("said.added", { id: 4, kind: "live", parts: [{ text: "answer 4", aside: false }], choices: [], file: null });
    world.tell("said.changed", grown(1, "!"));
    world.tell("message.answered", { ids: [5], state: "answered" });
  };
  const pages = [
    pageOf(null), // older than all of it
    pageOf(null, message(5)),
    pageOf(null, said(4), message(5)),
    pageOf(null, said(4, { version: 1, parts: [{ text: "answer 4!", aside: false }] }), message(5, { state: "answered" })),
  ];
  for (const page of pages) {
    for (const how of [{}, { anew: true }]) {
      const world = new World();
      if (!how.anew) world.talk.next = undefined; // nothing was read before
      world.meanwhile(told(world), page, how);
      assert.deepEqual(keys(world.talk).sort(), ["m5", "s4"]);
      assert.deepEqual([world.stateOf(5), world.textOf(4)], ["answered", "answer 4!"]);
      assert.equal(world.state.stale.size, 0);
    }
  }
});

test("a stop while a page is read discards what the page still says is waiting", () => {
  const world = new World();
  world.talk.next = undefined;
  world.meanwhile(() => world.tell("message.discarded", { count: 1, upto: 5 }), pageOf(null, message(5), message(6)));
  assert.deepEqual([world.stateOf(5), world.stateOf(6)], ["stopped", "waiting"]);
});
