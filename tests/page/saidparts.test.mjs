import assert from "node:assert/strict";
import { test } from "node:test";

import { aside, changed, shownChoices } from "../../bot/gateway/page/saidparts.js";

const words = (text) => ({ text, aside: false });
const work = (text) => ({ text, aside: true });
const stop = { text: "stop 7", label: "Stop", symbol: "" };

const SAID = {
  id: 4, kind: "live", parts: [work("▸ ls"), words("It")], choices: [stop], file: null, run: 7, at: 1, version: 3,
};
const event = (more) => ({ id: 4, kind: "live", keep: 2, append: "", parts: [], choices: [stop], version: 4, ...more });

test("a change is put behind what stays", () => {
  const after = changed(SAID, event({ append: " works", parts: [work("▸ make")] }));
  assert.deepEqual(after, { ...SAID, parts: [work("▸ ls"), words("It works"), work("▸ make")], version: 4 });
});

test("what does not stay is gone, and choices and kind are the new ones", () => {
  const after = changed(SAID, event({ keep: 0, parts: [words("Done")], choices: [], kind: "answer" }));
  assert.deepEqual([after.parts, after.choices, after.kind], [[words("Done")], [], "answer"]);
  assert.deepEqual(changed(SAID, event({ keep: 1, append: "" })).parts, [work("▸ ls")]);
});

test("nothing changes in the message that was there", () => {
  const before = structuredClone(SAID);
  changed(SAID, event({ append: " works" }));
  assert.deepEqual(SAID, before);
});

test("run, time and file stay", () => {
  const file = { name: "a.txt", size: 3, kept: true };
  const after = changed({ ...SAID, file }, event({ keep: 0 }));
  assert.deepEqual([after.file, after.run, after.at], [file, 7, 1]);
});

test("a change of more than is there does not fit", () => {
  assert.equal(changed(SAID, event({ keep: 3 })), null);
  assert.equal(changed({ ...SAID, parts: [] }, event({ keep: 1, append: "x" })), null);
});

test("lines about tools come together, others stand for themselves", () => {
  assert.deepEqual(aside("▸ ls\n▸ make ✔\n\nRun 7 begins.\n▸ cat"), [
    { tools: ["ls", "make ✔"] }, { line: "Run 7 begins." }, { tools: ["cat"] },
  ]);
  assert.deepEqual(aside(" \n"), []);
});

test("a stop has its own button, and nothing is pressed when all is over", () => {
  const other = { text: "allow 3", label: "Allow", symbol: "" };
  const near = { text: "stopwatch", label: "Watch", symbol: "" };
  const said = { choices: [stop, { text: "stop" }, other, near] };
  assert.deepEqual(shownChoices(said, false), [other, near]);
  assert.deepEqual(shownChoices(said, true), []);
});
