import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceTable } from "../src/build/sources.js";
import { stackOf } from "../src/stack.js";

test("frames lead to the user's own lines, and only to those", () => {
  // Lines 2 and 4 of the bundle are line 1 and 3 of sink.ts; line 3 is of the SDK.
  const map = { sources: ["../sink.ts", "../sdk/batch.js"], mappings: ";AAAA,IAAI;ACAJ;ADEA" };
  const table = sourceTable(map, (source) => (source.includes("sdk") ? undefined : "sink.ts"));
  globalThis.__wasmSinkSources = JSON.stringify(table);
  const stack = "    at helper (user.js:4:1)\n    at filter (native)\n    at get (user.js:3:9)\n    at write (user.js:2:6)\n";
  assert.equal(stackOf({ stack }), "    at helper (sink.ts:3:1)\n    at write (sink.ts:1:5)");
});
