import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, bytes, cost, count, duration, moment, network, slug, title } from "../../bot/gateway/page/format.js";

function check(act, table) {
  for (const [given, wanted] of table) assert.equal(act(given), wanted, String(given));
}

test("durations are as exact as somebody wants to read", () => {
  check(duration, [
    [0, "0 ms"], [0.25, "250 ms"], [0.994, "994 ms"], [0.996, "1.0 s"], [9.94, "9.9 s"], [9.96, "10 s"], [59.4, "59 s"],
    [60, "1 min 0 s"], [61.9, "1 min 1 s"], [3599, "59 min 59 s"], [3600, "1 h 0 min"], [90_000, "25 h 0 min"],
  ]);
});

test("no duration says zero of a unit that is its largest", () => {
  for (let seconds = 0.001; seconds < 20_000; seconds *= 1.001) assert.doesNotMatch(duration(seconds), /^0 (s|min|h)/);
});

test("costs are never said to be nothing where there were some", () => {
  check(cost, [[0, "$0.00"], [0.0001, "< $0.01"], [0.0099, "< $0.01"], [0.01, "$0.01"], [12.345, "$12.35"], [1000, "$1000.00"]]);
});

test("sizes", () => {
  check(bytes, [
    [0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1499, "1.5 kB"], [10_000, "10 kB"], [999_499, "999 kB"], [999_500, "1.0 MB"],
    [50_000_000, "50 MB"], [2e9, "2.0 GB"], [5e15, "5000 TB"],
  ]);
});

test("times of the API are Unix seconds here", () => {
  check(moment, [["2026-11-21T10:00:00Z", 1795255200], ["2026-11-21T10:00:00.500+00:00", 1795255200.5], [null, null], [undefined, null]]);
});

test("how long ago, and never in the future", () => {
  const now = 1_000_000;
  check((seconds) => ago(now - seconds, now), [
    [-50, "now"], [59, "now"], [60, "1 min"], [3599, "59 min"], [3600, "1 h"], [86_399, "23 h"], [86_400, "1 d"],
  ]);
});

test("counts", () => {
  assert.equal(count(1, "file"), "1 file");
  assert.equal(count(0, "file"), "0 files");
  assert.equal(count(2, "process", "processes"), "2 processes");
});

test("networks, also those that a newer bot has", () => {
  check(network, [["matrix", "Matrix"], ["matrix.work", "Matrix (work)"], ["web", "Web"], ["pigeon", "pigeon"]]);
});

test("conversations have names that somebody can tell apart", () => {
  const own = "web/console:root";
  const named = (key, project = null) => title({ key, project }, own);
  assert.equal(named(own), "You and Tugbot");
  assert.equal(named(own, "harbour"), "harbour");
  assert.equal(named(`${own}/docs`, "harbour"), "docs");
  assert.equal(named("matrix/!room:example.org", "harbour"), "harbour");
  assert.equal(named("slack/T1/C2"), "T1/C2");
  assert.equal(named("console"), "console");
});

test("names of new conversations are ones that the bot takes", () => {
  check(slug, [["Fix the parser!", "fix-the-parser"], ["Überprüfung", "uberprufung"], ["--a--", "a"], ["…", ""], ["", ""], ["ﬁne ①", "fine-1"]]);
  const tried = ["x".repeat(99), `${"y".repeat(39)} z`, "Ångström & Ōsaka", "日本", "a/b/../c", "A_B", "\u0000"];
  for (const text of tried) assert.match(slug(text), /^([a-z0-9][a-z0-9-]{0,39})?$/, text);
});
