import { decoded, latin } from "../arrow/text.js";
import { SinkError } from "../errors.js";

const FIRST_CHARACTERS = 200;

/** Headers of a response, by name in whatever case. */
export class Headers {
  #pairs;

  constructor(pairs) {
    this.#pairs = pairs.map(([name, value]) => [name.toLowerCase(), value]);
  }

  get(name) {
    const values = this.all(name);
    return values.length === 0 ? null : values.join(", ");
  }

  has(name) {
    return this.all(name).length > 0;
  }

  all(name) {
    const wanted = String(name).toLowerCase();
    return this.#pairs.filter(([known]) => known === wanted).map(([, value]) => value);
  }

  [Symbol.iterator]() {
    return this.#pairs.map(([name, value]) => [name, value])[Symbol.iterator]();
  }
}

export class Response {
  #to;

  constructor({ status, headers, body, isCut }, to) {
    this.status = status;
    this.headers = new Headers(headers.map(({ name, value }) => [name, value]));
    this.body = body;
    this.isCut = isCut;
    this.#to = to;
  }

  get ok() {
    return this.status >= 200 && this.status <= 299;
  }

  text() {
    const bytes = latin(this.body);
    try {
      return decoded(bytes);
    } catch {
      return lossy(bytes);
    }
  }

  json() {
    if (this.isCut) {
      throw new Error(`${this}: the body is longer than the connection's max_response_bytes, and was cut off`);
    }
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new Error(`${this}: the body is no JSON, ${error.message}`);
    }
  }

  expectOk() {
    if (!this.ok) throw new StatusError(this);
    return this;
  }

  /** The status and the beginning of the body, on one line. */
  toString() {
    const characters = [...this.text()];
    const shown = characters.slice(0, FIRST_CHARACTERS).join("").replace(/\p{Cc}/gu, " ").trim();
    const more = characters.length > FIRST_CHARACTERS || this.isCut ? "…" : "";
    return `the service answered ${this.status} to ${this.#to}${shown === "" ? "" : `: ${shown}${more}`}`;
  }
}

/** A status that is not 200 to 299. */
export class StatusError extends SinkError {
  constructor(response) {
    super("rejected", String(response));
    this.response = response;
  }
}
StatusError.prototype.name = "StatusError";

/** A character in UTF-8, or else one byte. */
const CHARACTER = new RegExp(
  [
    "[\\x00-\\x7f]+",
    "[\\xc2-\\xdf][\\x80-\\xbf]",
    "\\xe0[\\xa0-\\xbf][\\x80-\\xbf]",
    "\\xed[\\x80-\\x9f][\\x80-\\xbf]",
    "[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}",
    "\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}",
    "[\\xf1-\\xf3][\\x80-\\xbf]{3}",
    "\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}",
    "[^]",
  ].join("|"),
  "g",
);

/** The text of bytes that are not all UTF-8. */
function lossy(bytes) {
  return bytes.replace(CHARACTER, (part) => (part.length === 1 && part > "\x7f" ? "\ufffd" : decoded(part)));
}
