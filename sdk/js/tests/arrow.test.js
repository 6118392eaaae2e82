import "./host.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readStream } from "../src/arrow/read.js";
import { parseType } from "../src/arrow/types.js";
import { holdsLongNumbers, valuesOf } from "../src/arrow/values.js";
import { writeStream } from "../src/arrow/write.js";

const written = (type, values, nullable = true) =>
  writeStream([{ name: "x", type: parseType(type), nullable, values }], values.length);

function thereAndBack(type, values) {
  const [column, ...more] = readStream(written(type, values));
  assert.deepEqual(more, []);
  assert.equal(column.type.text, type);
  assert.deepEqual(valuesOf(column), values, type);
}

test("values come back as they were", () => {
  thereAndBack("boolean", [true, false, null, true, false, false, true, true, null]);
  thereAndBack("int8", [1, -128, null, 127]);
  thereAndBack("uint16", [0, 65_535, null]);
  thereAndBack("int64", [1, null, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n]);
  thereAndBack("uint64", [0, 2n ** 64n - 1n]);
  thereAndBack("float64", [0.1, null, -1e300, Infinity]);
  thereAndBack("float32", [0.5, null, -Infinity, Infinity, NaN]);
  thereAndBack("utf8", ["a", "", null, "größe", "日本", "😀"]);
  thereAndBack("large_utf8", ["plain", null]);
  thereAndBack("binary", [new Uint8Array([0, 255]), null, new Uint8Array()]);
  thereAndBack("date32", ["2026-03-01", null, "1969-12-31", "0001-01-01"]);
  thereAndBack("date32", ["2024-02-29", "2000-02-29", "2026-01-31", "2026-04-30", "2026-12-31", "+012000-02-29"]);
  thereAndBack("time64(us)", ["23:59:59.000001", null, "00:00:00"]);
  thereAndBack("timestamp(us,+00:00)", [new Date("2026-03-01T10:00:00.123Z"), null, new Date(-1)]);
  thereAndBack("decimal(38,2)", ["12.50", null, "-0.01", "999999999999999999999999999999999999.99"]);
  thereAndBack("list<list<int32>>", [[[1], null], [], null]);
  thereAndBack("fixed_size_list<float32, 2>", [[1, 2], null]);
  thereAndBack("struct<a: utf8, b: struct<c: int64 not null>>", [{ a: null, b: { c: 1 } }, { a: "x", b: null }, null]);
  thereAndBack("map<utf8, int64>", [new Map([["a", 1], ["b", null]]), new Map(), null]);
  thereAndBack("null", [null, null]);
  thereAndBack("utf8", []);
});

test("many rows", () => {
  const values = Array.from({ length: 100_000 }, (_, i) => (i % 7 === 0 ? null : `value ${i}`));
  thereAndBack("utf8", values);
});

test("holes are nulls", () => {
  const values = [1, , 2];
  for (const type of ["int64", "float64", "decimal(4,2)"]) {
    assert.equal(valuesOf(readStream(written(type, values))[0])[1], null, type);
  }
  assert.deepEqual(valuesOf(readStream(written("utf8", ["a", , ""]))[0]), ["a", null, ""]);
  assert.deepEqual(valuesOf(readStream(written("boolean", [true, , false]))[0]), [true, null, false]);
  assert.deepEqual(valuesOf(readStream(written("list<int8>", [[1, , 2]]))[0]), [[1, null, 2]]);
  assert.throws(() => written("int64", values, false), /value 1 is null, and the column is not nullable/);
});

test("bigints are integers of any size", () => {
  const comesBack = (type, values, numbers) => assert.deepEqual(valuesOf(readStream(written(type, values))[0]), numbers, type);
  comesBack("int8", [-128n, null, 127n, 1], [-128, null, 127, 1]);
  comesBack("uint16", [65_535n], [65_535]);
  comesBack("int32", new BigInt64Array([-1n, 2n ** 31n - 1n]), [-1, 2 ** 31 - 1]);
  comesBack("uint32", [2n ** 32n - 1n], [2 ** 32 - 1]);
});

test("values that a type does not hold are named", () => {
  const refused = (type, value, says) => assert.throws(() => written(type, [null, value]), { kind: "rejected", message: says });
  refused("int64", "1", 'column `x`: value 1 is "1", which is no int64');
  refused("int64", 1.5, /which is no int64/);
  refused("int64", 2 ** 53, /take a bigint/);
  refused("int8", 128, /which is no int8/);
  refused("int8", 128n, "column `x`: value 1 is 128n, which is no int8");
  refused("uint32", -1n, /which is no uint32/);
  refused("int32", 2n ** 64n, /which is no int32/);
  refused("float32", 1e39, "column `x`: value 1 is 1e+39, beyond what a float32 can hold");
  refused("float32", -Number.MAX_VALUE, /beyond what a float32 can hold/);
  refused("uint64", -1n, /which is no uint64/);
  refused("boolean", 1, /which is no boolean/);
  refused("utf8", 1, /which is no utf8/);
  refused("date32", "2026-3-1", /which is no date32/);
  for (const day of ["2026-02-29", "2026-02-30", "1900-02-29", "2026-04-31", "2026-01-32", "2026-01-00", "2026-13-31", "2026-00-31"]) {
    refused("date32", day, /which is no date32/);
    refused("timestamp(us)", `${day}T10:00:00Z`, /which is no timestamp/);
    refused("timestamp(us)", `${day} 01:00:00+02:00`, /which is no timestamp/);
  }
  refused("timestamp(us)", "30 Feb 2026 10:00:00", /which is no timestamp/);
  refused("timestamp(ms)", "2026-03-01T10:00:00.0001Z", /which is no timestamp/);
  refused("decimal(4,2)", "1.234", /which is no decimal/);
  refused("decimal(4,2)", "100", /which is no decimal/);
  refused("struct<a: int64 not null>", {}, /whose `a` is null/);
  refused("struct<a: int64>", { a: "1" }, /column `x.a`: value 1 is "1"/);
  assert.throws(() => written("int64", [1, null], false), /value 1 is null, and the column is not nullable/);
});

test("times are exact", () => {
  const counts = (type, value) => {
    const { buffers } = readStream(written(type, [value]))[0].parts[0];
    return new DataView(buffers[0].slice().buffer).getBigInt64(0, true);
  };
  assert.equal(counts("timestamp(us,+00:00)", "2026-03-01T10:00:00.123456Z"), 1_772_359_200_123_456n);
  assert.equal(counts("timestamp(us,+00:00)", "2026-03-01T12:00:00+02:00"), 1_772_359_200_000_000n);
  assert.equal(counts("timestamp(ns)", "1969-12-31T23:59:59.999999999"), -1n);
  assert.equal(counts("timestamp(us)", new Date(-1)), -1_000n);
});

test("types that are no types", () => {
  for (const text of ["", "integer", "list<utf8", "list<utf8>>", "timestamp(days)", "struct<a>", "decimal(40,2)", "utf8 x"]) {
    assert.throws(() => parseType(text), { kind: "invalid" }, text);
  }
  assert.equal(parseType("struct<`an ``odd` : utf8 , b: int8 not null>").children[0].name, "an `odd");
});

test("long numbers are found wherever they are", () => {
  const holds = (type, values) => holdsLongNumbers(readStream(written(type, values))[0].parts[0]);
  assert.equal(holds("int64", [1, -1, null]), false);
  assert.equal(holds("int64", [2n ** 60n]), true);
  assert.equal(holds("list<struct<a: int64>>", [[{ a: 2n ** 60n }]]), true);
});

test("damaged streams are refused, and never hang", () => {
  const stream = written("struct<a: list<utf8>, b: map<utf8, decimal(10,2)>>", [{ a: ["x"], b: new Map([["k", "1.00"]]) }, null]);
  for (let length = 0; length < stream.length - 8; length++) {
    assert.throws(() => readStream(stream.subarray(0, length)).map(valuesOf).map(([first]) => first.a[0]));
  }
  for (let at = 0; at < stream.length; at++) {
    for (const bit of [1, 0x80]) {
      const damaged = stream.slice();
      damaged[at] ^= bit;
      try {
        readStream(damaged).map(valuesOf);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
  }
});
