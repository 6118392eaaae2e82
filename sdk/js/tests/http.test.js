// Requests to a web service, with a host that is made here: it answers as each test says, and keeps what it was sent.

import "./host.js";
import "./fake-host.js";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { writeStream } from "../src/arrow/write.js";
import { parseType } from "../src/arrow/types.js";

let answer;
let sent;
let letters;

/** The host's rows: here, numbers. */
class Rows {
  constructor(numbers) {
    this.numbers = numbers;
  }
  rowCount() {
    return this.numbers.length;
  }
  slice(offset, length) {
    return new Rows(this.numbers.slice(offset, offset + length));
  }
  ipc() {
    const values = this.numbers.map((number) => `{"n":${number}}`);
    return writeStream([{ name: "row", type: parseType("utf8"), nullable: true, values }], values.length);
  }
}

class HostService {
  static open(connection) {
    if (connection !== "default") throw failure("denied", `there is no role ${connection}`);
    return new HostService();
  }
  send(rows, request) {
    sent.push({ rows: rows.numbers, ...request });
    return { status: 200, headers: [], body: new Uint8Array(), isCut: false, ...answer(request) };
  }
  ask(request) {
    return this.send({}, request);
  }
}

class Plan {
  json() {}
  apply(rows) {
    return rows;
  }
}

function failure(kind, message, retryAfterMs) {
  return Object.assign(new Error(message), { payload: { kind, message, retryAfterMs } });
}

globalThis.fakeHost = {
  types: { Batch: Rows, Plan },
  epoch: {},
  dead_letters: { reject: (rows, reason) => letters.push([rows.numbers, reason]) },
  http: { Service: HostService },
};

const { Batch } = await import("../src/batch.js");
const { Service, StatusError } = await import("../http.js");
const { Response } = await import("../src/http/response.js");
const { SinkError } = await import("../src/errors.js");

const bytes = (text) => new TextEncoder().encode(text);
const textOf = (body) => new TextDecoder().decode(body);
const rowsOf = (count) => new Batch(new Rows(Array.from({ length: count }, (_, i) => i)));
const numbersOf = (rows) => Batch.handle(rows, "a test").numbers;
const responseOf = (status, body = "", more = {}) =>
  new Response({ status, headers: [], body: bytes(body), isCut: false, ...more }, "POST events");

let api;

beforeEach(() => {
  answer = () => ({});
  sent = [];
  letters = [];
  api = Service.open("default");
});

test("what is sent", () => {
  api.post(rowsOf(2), "events?of=ü", { json: [{ at: new Date(0), ü: null }] });
  assert.deepEqual(sent[0], {
    rows: [0, 1],
    method: "post",
    path: "events?of=ü",
    headers: [{ name: "content-type", value: "application/json" }],
    body: bytes('[{"at":"1970-01-01T00:00:00.000Z","ü":null}]'),
  });
  api.put(rowsOf(1), "x", { body: "größer", headers: { "X-A": "1" } });
  assert.deepEqual(sent[1].body, bytes("größer"));
  assert.deepEqual(sent[1].headers, [
    { name: "X-A", value: "1" },
    { name: "content-type", value: "text/plain; charset=utf-8" },
  ]);
  api.patch(rowsOf(1), "x", { body: "{}", headers: [["Content-Type", "application/x-mine"]] });
  assert.deepEqual(sent[2].headers, [{ name: "Content-Type", value: "application/x-mine" }]);
  api.delete(rowsOf(1), "x", { body: new Uint8Array([0]) });
  assert.deepEqual([sent[3].method, sent[3].body, sent[3].headers], ["delete", new Uint8Array([0]), []]);
  api.post(rowsOf(1), "x", { json: null });
  assert.equal(textOf(sent[4].body), "null");
});

test("what carries no rows", () => {
  answer = () => ({ body: bytes('{"EUR": 1}') });
  assert.deepEqual(api.get("rates").expectOk().json(), { EUR: 1 });
  api.ask("HEAD", "rates");
  assert.deepEqual(sent.map(({ rows, method }) => [rows, method]), [[undefined, "get"], [undefined, "head"]]);
});

test("long integers are exact, where the engine can", { skip: JSON.rawJSON === undefined }, () => {
  api.post(rowsOf(1), "x", { json: [2n ** 60n, 1] });
  assert.equal(textOf(sent[0].body), "[1152921504606846976,1]");
});

test("misuse says what to change", () => {
  const rows = rowsOf(1);
  const refused = (call, message) => assert.throws(call, { kind: "invalid", message });
  refused(() => api.send(rows, "post", "x"), /the method is one of "GET", .*, not "post"/);
  refused(() => api.post(rows, 1), /the path is a text, not 1/);
  refused(() => api.post(rows, "x", { body: [1] }), /goes as \{ json/);
  refused(() => api.post(rows, "x", { body: "", json: 1 }), /not both/);
  refused(() => api.post(rows, "x", { json: () => 1 }), /JSON has no the function json/);
  refused(() => api.post(rows, "x", { headers: { a: 1 } }), /the header a is a text, not 1/);
  refused(() => api.post(rows, "x", { headers: "a: 1" }), /headers are \{/);
  refused(() => api.post(rows, "x", { headers: ["a"] }), /a name and a text, not "a"/);
  refused(() => api.post(rows, "x", "body"), /\{ headers, body, json \}, not "body"/);
  refused(() => api.post([], "x"), /takes a batch/);
  refused(() => api.deliver(rows, "x", undefined, { atMost: 0 }), /1 or more, not 0/);
  refused(() => api.deliver(rows, "x", { atMost: 1 }), /a function that takes rows/);
  refused(() => api.deliver(rows, "x", () => {}), /returned nothing/);
  refused(() => new Service(), /Service.open/);
  assert.deepEqual(sent, []);
});

test("errors of the host pass", () => {
  assert.throws(() => Service.open("other"), { kind: "denied", message: "there is no role other" });
  answer = () => {
    throw failure("throttled", "later", 1000);
  };
  const calls = [() => api.post(rowsOf(1), "x"), () => api.get("x"), () => api.deliver(rowsOf(2), "x", numbersOf)];
  for (const call of calls) {
    assert.throws(call, { kind: "throttled", message: "later", retryAfterMs: 1000 });
  }
  assert.equal(sent.length, 3);
});

test("headers are found in any case", () => {
  const { headers } = responseOf(200, "", {
    headers: [
      { name: "content-type", value: "a" },
      { name: "via", value: "one" },
      { name: "via", value: "two" },
    ],
  });
  assert.equal(headers.get("Content-Type"), "a");
  assert.equal(headers.get("VIA"), "one, two");
  assert.deepEqual(headers.all("Via"), ["one", "two"]);
  assert.equal(headers.get("host"), null);
  assert.ok(headers.has("CONTENT-TYPE") && !headers.has("host"));
  assert.deepEqual([...headers].length, 3);
});

test("bodies", () => {
  const body = new Uint8Array([0x67, 0xc3, 0xb6, 0xff, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0x80, 0xc3]);
  const damaged = responseOf(200, "", { body });
  assert.equal(damaged.text(), "gö\ufffd\ufffd\ufffd\ufffd😀\ufffd");
  assert.equal(responseOf(200, "größer").text(), "größer");
  assert.deepEqual(responseOf(200, "[1]").json(), [1]);
  assert.throws(() => responseOf(200, "<html>").json(), /200 to POST events: <html>: the body is no JSON/);
  assert.throws(() => responseOf(200, "[1", { isCut: true }).json(), /max_response_bytes/);
});

test("only 2xx is ok", () => {
  for (const status of [200, 201, 204, 299]) assert.ok(responseOf(status).expectOk().ok);
  for (const status of [302, 304, 400, 404, 499]) {
    assert.throws(() => responseOf(status).expectOk(), (error) => {
      assert.ok(error instanceof StatusError && error instanceof SinkError);
      return error.kind === "rejected" && error.response.status === status;
    });
  }
});

test("messages are one short line", () => {
  const long = responseOf(409, `a\r\nb\0${"x".repeat(300)}`);
  assert.equal(String(long), `the service answered 409 to POST events: a  b ${"x".repeat(195)}…`);
  assert.equal(String(responseOf(404, " \n")), "the service answered 404 to POST events");
});

function delivered(count, options) {
  sent = [];
  api.deliver(rowsOf(count), "events", numbersOf, options);
  for (const { rows, body } of sent) assert.deepEqual(JSON.parse(textOf(body)), rows);
  return sent.map(({ rows }) => rows);
}

test("rows go in parts", () => {
  assert.deepEqual(delivered(5, { atMost: 2 }), [[0, 1], [2, 3], [4]]);
  assert.deepEqual(delivered(3, { atMost: 3 }), [[0, 1, 2]]);
  assert.deepEqual(delivered(3), [[0, 1, 2]]);
  assert.deepEqual(delivered(0), []);
  delivered(2, { atMost: 1, headers: new Map([["x-kind", "numbers"]]).entries() });
  assert.deepEqual(sent.map(({ headers }) => headers[0]), Array(2).fill({ name: "x-kind", value: "numbers" }));
});

test("too much goes in halves", () => {
  answer = ({ body }) => ({ status: JSON.parse(textOf(body)).length > 2 ? 413 : 201 });
  assert.deepEqual(delivered(7), [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2], [0], [1, 2], [3, 4, 5, 6], [3, 4], [5, 6]]);
  assert.deepEqual(letters, []);
});

test("a row that is refused alone is rejected", () => {
  for (const status of [400, 413, 422]) {
    letters = [];
    answer = ({ body }) => (JSON.parse(textOf(body)).includes(5) ? { status, body: bytes("not 5") } : {});
    const taken = delivered(8).filter((rows) => !rows.includes(5));
    assert.deepEqual(taken.flat().sort(), [0, 1, 2, 3, 4, 6, 7]);
    assert.deepEqual(letters, [[[5], `the service answered ${status} to POST events: not 5`]]);
  }
});

test("other statuses are thrown", () => {
  for (const status of [301, 404, 409, 501]) {
    sent = [];
    answer = () => ({ status, body: bytes("no") });
    assert.throws(() => api.deliver(rowsOf(4), "events?key=1", numbersOf, { method: "PUT" }), {
      kind: "rejected",
      message: `the service answered ${status} to PUT events: no`,
    });
    assert.equal(sent.length, 1);
  }
  assert.deepEqual(letters, []);
});

test("without a maker rows are an array", () => {
  api.deliver(rowsOf(2), "events");
  assert.equal(textOf(sent[0].body), '[{"n":0},{"n":1}]');
  assert.deepEqual(sent[0].headers, [{ name: "content-type", value: "application/json" }]);
});
