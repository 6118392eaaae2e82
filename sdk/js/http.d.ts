import { SinkError, type Batch } from "wasm-sink";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a request is given besides its path. */
export interface RequestOptions {
  /** Beside those of the connection; credentials, lengths and the like are the host's to set. */
  headers?: Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;
  /** Bytes, or a text as UTF-8, as they are. */
  body?: Uint8Array | string;
  /** In place of `body`: a value that JSON has. */
  json?: unknown;
}

/** What `deliver` is given besides what it sends. */
export interface DeliveryOptions {
  /** `POST` unless said. */
  method?: Method;
  /** As in `RequestOptions`. */
  headers?: RequestOptions["headers"];
  /** So many rows are in a request at most. */
  atMost?: number;
}

/**
 * A web service; `capabilities = ["http"]` in sink.toml. The connection has its address, its credentials, and how long
 * to wait.
 *
 * The host sends again where the service is away, throttles or fails, and where that lasts, the epoch comes again: a
 * service may get the same rows more than once, with the same key in the header `Idempotency-Key` as long as rows, path
 * and body are the same.
 */
export class Service {
  private constructor();
  /** `connection` is a role in `[sink]` ("default" is its `connection`). */
  static open(connection: string): Service;
  /**
   * Sends a request that carries these rows. `path` stands below the connection's address, with its query:
   * "events?source=orders". Where the response is not `ok`, the rows are not delivered: send them in another way,
   * `reject` or `skip` them, or the epoch fails.
   */
  send(rows: Batch, method: Method, path: string, options?: RequestOptions): Response;
  /** `send` with POST: `api.post(rows, "events", { json: rows.records() })`. */
  post(rows: Batch, path: string, options?: RequestOptions): Response;
  /** `send` with PUT. */
  put(rows: Batch, path: string, options?: RequestOptions): Response;
  /** `send` with PATCH. */
  patch(rows: Batch, path: string, options?: RequestOptions): Response;
  /** `send` with DELETE. */
  delete(rows: Batch, path: string, options?: RequestOptions): Response;
  /** Sends a request that carries no rows, to look something up. */
  ask(method: Method, path: string, options?: RequestOptions): Response;
  /** `ask` with GET: `api.get("rates?base=EUR").expectOk().json()`. */
  get(path: string, options?: RequestOptions): Response;
  /**
   * Sends rows until each is delivered or a dead letter.
   *
   * `make` makes the body of rows: bytes and texts go as they are, anything else as JSON. Without it the body is a JSON
   * array of the rows as `Batch.records` has them. Where the service answers 413 (too much), 400 or 422 (wrong), each
   * half of the rows is sent by itself; a row that is refused alone is rejected, with status and beginning of the body
   * as the reason. Any other status that is not 200 to 299 is thrown as a `StatusError`.
   */
  deliver(rows: Batch, path: string, make?: (rows: Batch) => unknown, options?: DeliveryOptions): void;
}

/** What the service answered: every status but those with which the host sends again. */
export interface Response {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Whether there was more than the connection's `max_response_bytes`. */
  readonly isCut: boolean;
  /** Whether the status is 200 to 299: what was sent with rows is delivered. */
  readonly ok: boolean;
  /** The body, as UTF-8; what is none becomes U+FFFD. */
  text(): string;
  /** The body, parsed. One that is no JSON, or was cut off, is an error. */
  json<Value = any>(): Value;
  /** This response where it is ok; else throws a `StatusError`. */
  expectOk(): this;
  /** The status and the beginning of the body, on one line. */
  toString(): string;
}

/** Headers of a response, by name in whatever case. */
export interface Headers extends Iterable<[name: string, value: string]> {
  /** The value; of several, joined by commas. null: there is none. */
  get(name: string): string | null;
  has(name: string): boolean;
  /** Each of the values. */
  all(name: string): string[];
}

/** A status that is not 200 to 299, of kind `rejected`: let through, the host takes it that rows are to blame. */
export class StatusError extends SinkError {
  constructor(response: Response);
  readonly response: Response;
}
