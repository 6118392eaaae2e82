// What JavaScript elsewhere has, and a sink has not. Nothing is put in its place, so that packages which look for it find
// that it is not there: what a ReferenceError says is explained.

export const NETWORK =
  "a sink has no network: rows leave by what sink.toml names, and requests by a Service of wasm-sink/http";
const TIMERS =
  "a sink runs from call to call, and cannot wait: throw throttled(…) or unavailable(…), and the epoch comes again later";
const THREADS = "a sink runs alone: there is nobody to wait for, and nobody to share memory with";
const NODE = "this is part of Node.js, which is not there where a sink runs";
const CHANCE = "a sink has no randomness beyond Math.random(), which the same rows give the same numbers";

const REASONS = new Map([
  ...["fetch", "Request", "XMLHttpRequest", "WebSocket", "EventSource"].map((name) => [name, NETWORK]),
  ...["setTimeout", "setInterval", "setImmediate", "requestAnimationFrame"].map((name) => [name, TIMERS]),
  ...["Atomics", "Worker", "MessageChannel"].map((name) => [name, THREADS]),
  ["process", `${NODE}: write lines of the log with console.log, and take settings from [sink.config]`],
  ...["require", "module", "Buffer", "global", "__dirname", "__filename"].map((name) => [name, NODE]),
  ["crypto", CHANCE],
  ["Temporal", "a sink has no clock, and this engine no Temporal: take the time from a column"],
  ["Intl", "this engine has no Intl: format numbers and times by hand"],
]);

/** Why something is not there, for the message of what was thrown; undefined where that is about something else. */
export function absence(message) {
  const [, name] = /^(?:ReferenceError: )?'?([\w$]+)'? is not defined$/.exec(message) ?? [];
  return REASONS.get(name);
}

/** The modules of Node.js that open sockets. */
export const opensSockets = (name) => /^(node:)?(net|tls|dgram|dns|http|https|http2|undici)(\/|$)/.test(name);
