// What a ReferenceError is explained by.

import assert from "node:assert/strict";
import { test } from "node:test";
import { absence, opensSockets } from "../src/absent.js";

test("what a sink has not is explained, however the engine says so", () => {
  assert.match(absence("fetch is not defined"), /no network: .*wasm-sink\/http/);
  assert.match(absence("'setTimeout' is not defined"), /cannot wait: throw throttled/);
  assert.match(absence("ReferenceError: process is not defined"), /part of Node\.js.*console\.log/);
});

test("a name of the sink's own is not", () => {
  for (const message of ["total is not defined", "fetch is not a function", "the process is not defined yet", ""]) {
    assert.equal(absence(message), undefined, message);
  }
});

test("modules of Node.js that open sockets are known", () => {
  for (const name of ["net", "node:net", "https", "dns/promises"]) assert.ok(opensSockets(name), name);
  for (const name of ["fs", "node:path", "network"]) assert.ok(!opensSockets(name), name);
});
