// What surroundings.js puts in the place of what QuickJS lacks.

import "./host.js";
import "./fake-host.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const BuiltIn = globalThis.TextDecoder;
globalThis.fakeHost = { log: {} };
delete globalThis.TextDecoder;
await import("../src/surroundings.js");

const latin = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

test("text is decoded as everywhere on the web", () => {
  assert.notEqual(TextDecoder, BuiltIn);
  const texts = [
    "", "plain", "gr\xc3\xb6\xc3\x9fe", "\xf0\x9f\x98\x80",
    "\xff", "a\xffb", "\xc0\xaf", "\x80\xc3\xb6", "\xc3", "\xc3a", "\xe2\x82", "\xe2\x82a", "\xed\xa0\x80", "\xe0\x80\x80",
    "\xe0\xa0", "\xf0\x9f\x98", "\xf0\x80", "\xf1\x80\x80a", "\xf4\x90\x80\x80", "\xf4\x8f\xbf",
    "\xef\xbb\xbfa", "\xef\xbb\xbf\xef\xbb\xbf", "a\xef\xbb\xbf", "\xef\xbb\xbf\xff", "\xef\xbb",
  ];
  for (const options of [undefined, { ignoreBOM: true }]) {
    const [ours, theirs] = [new TextDecoder("utf-8", options), new BuiltIn("utf-8", options)];
    for (const text of texts) assert.equal(ours.decode(latin(text)), theirs.decode(latin(text)), JSON.stringify(text));
  }
  assert.equal(new TextDecoder().decode(latin("a\xffb").buffer), "a\ufffdb");
  assert.equal(new TextDecoder().decode(), "");
});

test("a decoder that is fatal refuses what is no UTF-8", () => {
  const decoder = new TextDecoder("utf8", { fatal: true });
  assert.throws(() => decoder.decode(latin("a\xff")), TypeError);
  assert.equal(decoder.decode(latin("\xef\xbb\xbfgr\xc3\xb6\xc3\x9fe")), "größe");
});
