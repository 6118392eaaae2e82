import host from "wasm-sink:sink/epoch@0.1.0";
import letters from "wasm-sink:sink/dead-letters@0.1.0";
import { count, text } from "./arguments.js";
import { Batch } from "./batch.js";
import { ask, misuse, shown } from "./errors.js";

export function commitWithin(ms) {
  if (typeof ms !== "number" || !(ms >= 0)) {
    throw misuse(`commitWithin takes milliseconds, 0 or more, not ${shown(ms)}`);
  }
  host.commitWithin(Math.min(Math.round(ms), 0xffff_ffff));
}

export function skip(rows, reason) {
  const rowCount = rows instanceof Batch ? rows.rowCount : count(rows, "skip: the number of rows");
  host.skip(rowCount, text(reason, "skip: the reason"));
}

export function reject(rows, reason) {
  const handle = Batch.handle(rows, "reject");
  const why = text(reason, "reject: the reason");
  if (rows.rowCount > 0) ask(() => letters.reject(handle, why));
}
