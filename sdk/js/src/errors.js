// What goes wrong, as the contract knows it: a kind for the host, a message for a person.

const KINDS = ["other", "unavailable", "throttled", "conflict", "outcome-unknown", "rejected", "denied", "invalid"];

export class SinkError extends Error {
  constructor(kind, message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (!KINDS.includes(kind)) {
      throw new TypeError(`"${kind}" is no kind of error; there are ${KINDS.join(", ")}`);
    }
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
SinkError.prototype.name = "SinkError";

export const unavailable = (message, options) => new SinkError("unavailable", message, options);
export const throttled = (message, retryAfterMs, options) =>
  new SinkError("throttled", message, { ...options, retryAfterMs });
export const rejected = (message, options) => new SinkError("rejected", message, options);
export const invalid = (message, options) => new SinkError("invalid", message, options);
export const other = (message, options) => new SinkError("other", message, options);

/** Calls the host; what it answers as an error is thrown as a `SinkError`. */
export function ask(call) {
  try {
    return call();
  } catch (error) {
    throw fromHost(error);
  }
}

function fromHost(error) {
  const said = error?.payload;
  if (typeof said?.kind !== "string") return error;
  return new SinkError(said.kind, said.message, { retryAfterMs: said.retryAfterMs ?? undefined });
}

const misuses = new WeakSet();

/** What this SDK throws: where it was thrown is part of what it says. */
export function misuse(message, kind = "invalid") {
  const error = new SinkError(kind, message);
  misuses.add(error);
  return error;
}

export const isMisuse = (error) => misuses.has(error);

/** The `SinkError` in what was thrown: itself, or the reason that it was thrown for. */
export function sinkErrorIn(thrown) {
  for (let depth = 0, error = thrown; error instanceof Error && depth < 20; depth++, error = error.cause) {
    if (error instanceof SinkError) return error;
  }
  return undefined;
}

/** How a value is named in a message. */
export function shown(value) {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `the function ${value.name || "without a name"}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (typeof value.then === "function") return "a promise";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `an object (${value.constructor?.name ?? "no class"})`;
}
