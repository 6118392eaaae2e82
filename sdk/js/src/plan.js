import types from "wasm-sink:sink/types@0.1.0";
import * as check from "./arguments.js";
import { Batch } from "./batch.js";
import { ask, misuse, shown } from "./errors.js";

const POLICIES = ["reject-row", "set-null", "fail"];
const METADATA = ["key", "topic", "partition", "offset", "timestamp", "headers", "all"];

export class Plan {
  #handle = new types.Plan();

  onMismatch(policy) {
    this.#handle.onMismatch(check.oneOf(policy, POLICIES, "onMismatch: the policy"));
    return this;
  }

  column(name, { path = [name], type, nullable = true } = {}) {
    const names = [check.text(name, "column: the name"), check.texts(path, "the parts of a path")];
    const dataType = type === undefined ? null : check.text(type, "column: the type");
    if (typeof nullable !== "boolean") throw misuse(`column: \`nullable\` is true or false, not ${shown(nullable)}`);
    ask(() => this.#handle.column(...names, dataType, nullable));
    return this;
  }

  metadata(name, key = name) {
    check.text(name, "metadata: the name");
    check.oneOf(key, METADATA, "metadata: the key");
    ask(() => this.#handle.metadata(name, key));
    return this;
  }

  json(name, path = []) {
    check.text(name, "json: the name");
    const parts = check.texts(path, "the parts of a path");
    ask(() => this.#handle.json(name, parts));
    return this;
  }

  rest(without = []) {
    const names = check.texts(without, "rest: the columns without which");
    ask(() => this.#handle.rest(names));
    return this;
  }

  apply(rows) {
    const handle = Batch.handle(rows, "apply");
    return new Batch(ask(() => this.#handle.apply(handle)));
  }
}
