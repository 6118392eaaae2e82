// What JavaScript expects around it, as far as a sandbox without a clock and a terminal has it.

import { BuiltInDate } from "./arrow/date.js";
import { decoded, encoded, fromLatin, latin, lossy } from "./arrow/text.js";
import { misuse } from "./errors.js";
import { log } from "./log.js";

// The frames of this SDK come first, and are left out of what is shown.
Error.stackTraceLimit = 64;

// Asking for the time would end the instance with a trap.
const noClock = () => {
  throw misuse(
    "a sink has no clock: the same rows give the same output whenever they come; take the time from a column, " +
      'or from the source with plan.metadata("at", "timestamp")',
  );
};

globalThis.console = {
  debug: log.debug,
  trace: log.debug,
  log: log.info,
  info: log.info,
  dir: log.info,
  table: log.info,
  group: log.info,
  groupCollapsed: log.info,
  groupEnd: () => {},
  time: noClock,
  timeLog: noClock,
  timeEnd: noClock,
  warn: log.warn,
  error: log.error,
  assert: (condition, ...values) => condition || log.error("assertion failed:", ...values),
};

globalThis.TextEncoder ??= class TextEncoder {
  encoding = "utf-8";
  encode(text = "") {
    return fromLatin(encoded(String(text).toWellFormed()));
  }
};

globalThis.TextDecoder ??= class TextDecoder {
  encoding = "utf-8";
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`there is no text in ${label} here, only in utf-8`);
    this.fatal = Boolean(fatal);
    this.ignoreBOM = Boolean(ignoreBOM);
  }
  decode(bytes = new Uint8Array(0)) {
    const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    const text = this.fatal ? strict(latin(view)) : lossy(latin(view));
    return text.startsWith("\ufeff") && !this.ignoreBOM ? text.slice(1) : text;
  }
};

function strict(characters) {
  try {
    return decoded(characters);
  } catch {
    throw new TypeError("these bytes are no UTF-8");
  }
}

globalThis.Date = new Proxy(BuiltInDate, {
  construct: (date, values, target) => (values.length === 0 ? noClock() : Reflect.construct(date, values, target)),
  apply: noClock,
});
BuiltInDate.now = noClock;
BuiltInDate.prototype.constructor = globalThis.Date;
Object.defineProperty(globalThis, "performance", { value: { now: noClock, timeOrigin: 0 } });

/** Chance that the rows decide: the same rows are given the same numbers, by every instance. */
let state = 0;
let seed = () => "";

export function seedChance(of) {
  seed = of;
  state = 0;
}

Math.random = () => {
  if (state === 0) {
    const text = seed();
    state = 0x9e3779b9;
    for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) || 1;
    for (let i = 0; i < 8; i++) next();
  }
  return (next() >>> 5) * 2 ** -27 + (next() >>> 6) * 2 ** -53;
};

function next() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state;
}
