import * as check from "../arguments.js";
import { encoded, fromLatin } from "../arrow/text.js";
import { misuse, shown } from "../errors.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** The contract's request, and what it is called in messages. */
export function requestOf(method, path, options = {}) {
  check.oneOf(method, METHODS, "the method");
  const below = check.text(path, "the path");
  if (typeof options !== "object" || options === null) {
    throw misuse(`what else is said of a request is { headers, body, json }, not ${shown(options)}`);
  }
  const headers = headersOf(options.headers);
  const [body, type] = bodyOf(options);
  if (type !== undefined && !headers.some(({ name }) => name.toLowerCase() === "content-type")) {
    headers.push({ name: "content-type", value: type });
  }
  // The query may hold what is nobody else's business.
  const [place] = below.split("?", 1);
  return [{ method: method.toLowerCase(), path: below, headers, body }, `${method} ${place}`];
}

function headersOf(given) {
  return pairsOf(given).map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw misuse(`a header is a name and a text, not ${shown(pair)}`);
    const [name, value] = pair;
    return { name: check.text(name, "a header's name"), value: check.text(value, `the header ${name}`) };
  });
}

/** Names and values, of something that may be asked for them only once. */
export function pairsOf(given = {}) {
  if (typeof given !== "object" || given === null) {
    throw misuse(`headers are { "X-Kind": "orders" }, or pairs of texts, not ${shown(given)}`);
  }
  return typeof given[Symbol.iterator] === "function" ? [...given] : Object.entries(given);
}

/** The bytes, and what kind they are of unless a header says so. */
function bodyOf({ body, json }) {
  if (json !== undefined) {
    if (body !== undefined) throw misuse("a request has `body` or `json`, not both");
    return [bytesOf(jsonOf(json)), "application/json"];
  }
  if (body === undefined) return [new Uint8Array(0)];
  if (body instanceof Json) return [bytesOf(body.text), "application/json"];
  if (typeof body === "string") return [bytesOf(body), "text/plain; charset=utf-8"];
  if (body instanceof Uint8Array) return [body];
  throw misuse(`a body is a text or a Uint8Array, not ${shown(body)}: a value goes as { json: … }`);
}

/** JSON, written already. */
export class Json {
  constructor(text) {
    this.text = text;
  }
}

/** Whether a body is not to be made JSON of. */
export const isBody = (value) => typeof value === "string" || value instanceof Uint8Array || value instanceof Json;

function jsonOf(value) {
  const text = tried(() => JSON.stringify(value)) ?? JSON.stringify(value, exact);
  if (text === undefined) throw misuse(`JSON has no ${shown(value)}`);
  return text;
}

/** What JSON.stringify refuses, it is asked for once more with exact numbers. */
function tried(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function exact(key, value) {
  if (typeof value !== "bigint") return value;
  if (JSON.rawJSON === undefined) throw misuse(`JSON has no ${shown(value)} here: give \`${key}\` as a text`);
  return JSON.rawJSON(String(value));
}

function bytesOf(text) {
  return fromLatin(encoded(text.toWellFormed()));
}
