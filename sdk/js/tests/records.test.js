// Rows as objects, and which of them are meant, with a host that is made here.

import "./host.js";
import "./fake-host.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseType } from "../src/arrow/types.js";
import { writeStream } from "../src/arrow/write.js";

const stream = (type, values) => writeStream([{ name: "x", type: parseType(type), nullable: true, values }], values.length);

let schemas = 0;

/** The host's rows: one column `x`, and what is their JSON. */
class Rows {
  #schema = ++schemas;

  constructor(dataType, values, json) {
    Object.assign(this, { dataType, values, json, kept: [] });
  }
  schemaId() {
    return this.#schema;
  }
  fields() {
    return [{ name: "x", dataType: this.dataType, nullable: true }];
  }
  ipc() {
    return stream(this.dataType, this.values);
  }
  filter(bytes) {
    this.kept.push([...bytes]);
    return new Rows(this.dataType, this.values, this.json);
  }
}

class Plan {
  json() {}
  apply({ json }) {
    return { ipc: () => stream("utf8", json.map((value) => `{"x":${value}}`)) };
  }
}

globalThis.fakeHost = { types: { Batch: Rows, Plan } };

const { Batch } = await import("../src/batch.js");

const records = (dataType, values, json) => new Batch(new Rows(dataType, values, json)).records().map(({ x }) => x);

test("long integers are exact", () => {
  assert.deepEqual(records("int64", [1, 2n ** 60n], ["1", "1152921504606846976"]), [1, 2n ** 60n]);
  assert.deepEqual(records("int64", [1, 2], ["1", "2"]), [1, 2]);
});

test("long decimals without a fraction are exact, and their columns are not read", () => {
  const unread = undefined;
  assert.deepEqual(records("decimal(20,0)", unread, ["12345678901234567890", "7"]), [12345678901234567890n, 7]);
  assert.deepEqual(records("decimal256(50,-3)", unread, ["-12345678901234567000"]), [-12345678901234567000n]);
  assert.deepEqual(records("decimal(20,2)", unread, ["12.50", "123456789012345678.25"]), [12.5, 123456789012345678.25]);
});

test("no type keeps rows from being read", () => {
  const unread = undefined;
  const long = '{"a":9007199254740993,"b":1.50}';
  for (const type of ["struct<a: int64, b: decimal256(50,2)>", "struct<a: int64, b: interval(day_time)>", "union<a: int64>"]) {
    assert.deepEqual(records(type, unread, [long]), [{ a: 9007199254740993n, b: 1.5 }], type);
  }
});

test("what is truthy is meant", () => {
  const rows = new Rows("int64", [], []);
  const batch = new Batch(rows);
  const keep = [true, false, 1, 0, 256, 0.5, "yes", "", {}, null, undefined, NaN];
  batch.filter(keep);
  batch.divide(keep);
  batch.filter(new Uint8Array([0, 2]));
  const meant = keep.map((value) => (value ? 1 : 0));
  assert.deepEqual(rows.kept, [meant, meant, meant.map((byte) => 1 - byte), [0, 2]]);
});
