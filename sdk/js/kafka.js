import host from "wasm-sink:kafka/kafka@0.1.0";
import * as check from "./src/arguments.js";
import { Batch } from "./src/batch.js";
import { ask, misuse } from "./src/errors.js";

const ENCODINGS = ["json", "avro", "plain"];
const ROLES = ["key", "timestamp", "headers", "partition", "value"];
const PARTITIONERS = ["murmur2", "crc32", "fnv1a", "random"];

export class Topic {
  #handle;

  constructor(handle) {
    if (!(handle instanceof host.Topic)) throw misuse("a topic is not made with `new`: use Topic.open(connection, name)");
    this.#handle = handle;
  }

  static open(connection, name) {
    check.text(connection, "open: the connection's role");
    check.text(name, "open: the topic's name");
    return new Topic(ask(() => host.Topic.open(connection, name)));
  }

  encodeAs(encoding) {
    check.oneOf(encoding, ENCODINGS, "encodeAs: the encoding");
    ask(() => this.#handle.encodeAs(encoding));
    return this;
  }

  assign(role, column, share = "only") {
    check.oneOf(role, ROLES, "assign: the role");
    check.text(column, "assign: the column");
    check.oneOf(share, ["only", "also"], "assign: the share");
    ask(() => this.#handle.assign(role, column, share));
    return this;
  }

  leaveOut(columns) {
    const names = check.texts(columns, "leaveOut: the columns");
    ask(() => this.#handle.leaveOut(names));
    return this;
  }

  keyFrom(template) {
    check.text(template, "keyFrom: the template");
    ask(() => this.#handle.keyFrom(template));
    return this;
  }

  partitionBy(partitioner) {
    check.oneOf(partitioner, PARTITIONERS, "partitionBy: the partitioner");
    ask(() => this.#handle.partitionBy(partitioner));
    return this;
  }

  append(rows) {
    const batch = Batch.handle(rows, "append");
    ask(() => this.#handle.append(batch));
  }
}
