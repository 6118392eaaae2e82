import types from "wasm-sink:sink/types@0.1.0";
import { holdsLongNumbers, valuesOf } from "./arrow/values.js";
import { readStream } from "./arrow/read.js";
import { ask } from "./errors.js";

let plan;

/** Each row as the host writes it in JSON. */
export function jsonTextsOf(handle) {
  if (plan === undefined) {
    const made = new types.Plan();
    ask(() => made.json("row", []));
    plan = made;
  }
  const json = ask(() => plan.apply(handle).ipc([]));
  return valuesOf(readStream(json)[0]);
}

/** Each row as an object. */
export function recordsOf(rows, handle) {
  const texts = jsonTextsOf(handle);
  const parse = hasLongNumbers(rows) ? parseLong : JSON.parse;
  return texts.map((text) => (text === null ? null : parse(text)));
}

/** Decimals that have a point in JSON: they are doubles. */
const FRACTIONS = /^decimal\d*\(\d+,[1-9]\d*\)$/;

/** JSON.parse alone rounds numbers beyond 2^53. */
function hasLongNumbers(rows) {
  const numbers = rows.fields.filter(({ dataType }) => /int64|decimal/.test(dataType) && !FRACTIONS.test(dataType));
  // Not all columns with these in their type can be read here.
  if (numbers.some(({ dataType }) => /decimal|interval|union/.test(dataType))) return true;
  const names = numbers.map(({ name }) => name);
  return names.length > 0 && readStream(rows.ipc(names)).some((column) => column.parts.some(holdsLongNumbers));
}

function parseLong(text) {
  return JSON.parse(text, (_, value, { source } = {}) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value,
  );
}
