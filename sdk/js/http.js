import host from "wasm-sink:http/http@0.1.0";
import * as check from "./src/arguments.js";
import { Batch } from "./src/batch.js";
import { reject } from "./src/epoch.js";
import { ask, misuse, shown } from "./src/errors.js";
import { isBody, Json, pairsOf, requestOf } from "./src/http/request.js";
import { Response } from "./src/http/response.js";
import { jsonTextsOf } from "./src/records.js";

export { StatusError } from "./src/http/response.js";

// With these a service may mean some of the rows, or how many they are.
const OF_ROWS = [400, 413, 422];

export class Service {
  #handle;

  constructor(handle) {
    if (!(handle instanceof host.Service)) throw misuse("a service is not made with `new`: use Service.open(role)");
    this.#handle = handle;
  }

  static open(connection) {
    check.text(connection, "open: the connection's role");
    return new Service(ask(() => host.Service.open(connection)));
  }

  send(rows, method, path, options) {
    const batch = Batch.handle(rows, "send");
    const [request, to] = requestOf(method, path, options);
    return new Response(ask(() => this.#handle.send(batch, request)), to);
  }

  post(rows, path, options) {
    return this.send(rows, "POST", path, options);
  }

  put(rows, path, options) {
    return this.send(rows, "PUT", path, options);
  }

  patch(rows, path, options) {
    return this.send(rows, "PATCH", path, options);
  }

  delete(rows, path, options) {
    return this.send(rows, "DELETE", path, options);
  }

  ask(method, path, options) {
    const [request, to] = requestOf(method, path, options);
    return new Response(ask(() => this.#handle.ask(request)), to);
  }

  get(path, options) {
    return this.ask("GET", path, options);
  }

  deliver(rows, path, make = arrayOf, { method = "POST", headers, atMost } = {}) {
    Batch.handle(rows, "deliver");
    if (typeof make !== "function") {
      throw misuse(`deliver: what makes the body is a function that takes rows, not ${shown(make)}`);
    }
    if (atMost !== undefined && !(Number.isInteger(atMost) && atMost > 0)) {
      throw misuse(`deliver: \`atMost\` is a number of rows, 1 or more, not ${shown(atMost)}`);
    }
    const pairs = pairsOf(headers);
    const count = rows.rowCount;
    const step = atMost ?? count;
    for (let first = 0; first < count; first += step) {
      const part = count <= step ? rows : rows.slice(first, Math.min(step, count - first));
      this.#deliver(part, path, make, method, pairs);
    }
  }

  #deliver(rows, path, make, method, headers) {
    const made = make(rows);
    if (made === undefined) {
      throw misuse("deliver: what makes the body returned nothing: it returns the body for the rows that it is given");
    }
    const response = this.send(rows, method, path, { headers, ...(isBody(made) ? { body: made } : { json: made }) });
    if (!OF_ROWS.includes(response.status)) {
      response.expectOk();
      return;
    }
    const { rowCount } = rows;
    if (rowCount === 1) {
      reject(rows, String(response));
      return;
    }
    const half = Math.floor(rowCount / 2);
    this.#deliver(rows.slice(0, half), path, make, method, headers);
    this.#deliver(rows.slice(half, rowCount - half), path, make, method, headers);
  }
}

function arrayOf(rows) {
  return new Json(`[${jsonTextsOf(Batch.handle(rows, "deliver")).join(",")}]`);
}
