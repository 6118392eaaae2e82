import { latin, lossy } from "../arrow/text.js";
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
    return lossy(latin(this.body));
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
