/**
 * Write a wasm-sink component in JavaScript or TypeScript: a class with `write(rows)`, exported as
 * `default` from `sink.js` or `sink.ts`.
 *
 * Errors that the host answers are thrown as `SinkError`. Whatever a sink lets through goes to the
 * host: a `SinkError` unchanged, anything else thrown in `write` as `rejected` (rows are to blame)
 * with its stack, in the constructor and in `flush` as `other`.
 */

/**
 * What a sink is. Its constructor is given `[sink.config]`, parsed: `constructor(config)`. One
 * instance serves one task, one call at a time; after an error it is gone, and a fresh one is given
 * the whole epoch again, so that what an instance remembers is a cache.
 */
export interface Sink {
  /**
   * Takes rows. They may be kept until `flush` has returned. Each is to be staged (a table's
   * `append`), refused (`reject`) or left out (`skip`).
   */
  write(rows: Batch): void;
  /** Stages all that is held; then the host commits. Left out: nothing is held. */
  flush?(): void;
}

/** The class of a sink: `export default class MySink implements Sink`. */
export interface SinkClass<Config = any> {
  new (config: Config): Sink;
  /** Mistakes in the configuration that config.schema.json cannot say. Tables cannot be asked here. */
  validate?(config: Config): Problem[] | void;
}

/** A mistake in the configuration. */
export interface Problem {
  /** Where it stands: `["routes", "0", "table"]`. */
  path: (string | number)[] | string;
  /** What is wrong. */
  message: string;
  /** What to write instead. */
  help?: string;
}

/** One column of a schema. */
export interface Field {
  /** Case counts. */
  readonly name: string;
  /** `int64`, `decimal(10,2)`, `timestamp(us,+00:00)`, `list<utf8>`, `struct<country: utf8, score: int32>`. */
  readonly dataType: string;
  /** Whether nulls are allowed; `true` where it is left out of a field that is given. */
  readonly nullable?: boolean;
}

/** Where rows came from: exactly one partition of the source. Positions are opaque. */
export interface Origin {
  readonly source: string;
  readonly partition: string;
  /** Before the first row; "" where the partition begins. */
  readonly first: string;
  /** After the last row. */
  readonly last: string;
}

/** A column of values to be made. */
export interface Column {
  /** Its type, as in `Field.dataType`. */
  type: string;
  /** A value for each row. `undefined` counts as null. */
  values: ArrayLike<unknown>;
  /** `false`: a null among the values is an error. */
  nullable?: boolean;
}

/**
 * Rows in the host's memory, which do not change. What is made of them remembers the records that
 * the rows are from. After the epoch (when `flush` has returned) they are gone.
 */
export class Batch {
  private constructor();

  /**
   * Rows of columns: `Batch.of({ id: { type: "int64", values: [1, 2] } })`. A value that its type
   * cannot hold is an error `rejected` that names column and row; nothing is cut or rounded. Types take what
   * `column` gives, and besides: numbers and bigints for integers and decimals; texts for times
   * ("2026-03-01T10:00:00.123456Z", "2026-03-01", "10:00:00.5") and a `Date` for dates and
   * timestamps; a `Map`, pairs or an object for maps.
   */
  static of(columns: Record<string, Column>): Batch;
  /** Rows of objects, whose properties with these names and types are the columns. */
  static fromRecords(records: readonly object[], types: Record<string, string>): Batch;
  /** Rows of an Arrow IPC stream: one schema, without dictionaries, views or compression. */
  static fromIpc(bytes: Uint8Array): Batch;

  /** How many rows; may be 0. */
  readonly rowCount: number;
  /** Where the rows came from; null for rows that were made here. */
  readonly origin: Origin | null;
  /** The same for batches of equal fields in this instance. */
  readonly schemaId: number;
  /** The columns, in order. */
  readonly fields: readonly Required<Field>[];
  /** The column of this name, if there is one. */
  field(name: string): Required<Field> | undefined;

  /** So many rows from a place on. */
  slice(offset: number, length: number): Batch;
  /** The rows for which there is `true` (or a byte other than 0). */
  filter(keep: readonly boolean[] | Uint8Array): Batch;
  /** The rows for which there is `true`, and the others. */
  divide(chosen: readonly boolean[] | Uint8Array): [chosen: Batch, others: Batch];
  /** By the values of a column, as text, in order of their first appearance. */
  split(column: string): { value: string | null; rows: Batch }[];
  /** The same rows with these columns added, or put in the place of those of their name. */
  withColumns(columns: Record<string, Column> | Batch): Batch;
  /** The same rows with a column more: `rows.withColumn("size", "utf8", sizes)`. */
  withColumn(name: string, type: string, values: ArrayLike<unknown>): Batch;

  /**
   * The values of a column, `null` where there is none:
   *
   * | type | value |
   * |---|---|
   * | boolean | `boolean` |
   * | floats, integers, durations | `number`; a `bigint` beyond ±(2^53 - 1), where numbers are not exact |
   * | utf8 · binary | `string` · `Uint8Array` |
   * | timestamp | `Date`: finer than a millisecond is cut, in what is read, not in the rows |
   * | date, time, decimal | `string`: "2026-03-01", "10:00:00.5", "12.50" |
   * | list · struct · map | array · object · `Map` |
   *
   * Other types are an error; a plan converts them.
   */
  column<Value = any>(name: string): (Value | null)[];
  /** The values of several columns in one call; of all without names. */
  columns(names?: readonly string[]): Record<string, any[]>;
  /**
   * Each row as an object. Nulls are left out, times are texts as in ISO 8601, binary values are
   * hexadecimal. Decimals are numbers: those of scale 0 are as exact as integers, others are doubles,
   * which round; `column` gives them exactly. Convenient, and some ten times as slow as `column`.
   */
  records<Row = Record<string, any>>(): Row[];
  /** Columns as an Arrow IPC stream; all without names. */
  ipc(columns?: readonly string[]): Uint8Array;

  /** Lets go of the handle at once, as the end of a `using` does. Rarely needed. */
  [Symbol.dispose](): void;
}

/**
 * The shape of rows, made by the host: select, rename, convert, dig into nested values. Made once, in
 * the constructor of a sink, for whatever fields rows have. Columns come in the order of the calls.
 */
export class Plan {
  constructor();
  /** What becomes of a value that does not convert; `reject-row` unless said. */
  onMismatch(policy: "reject-row" | "set-null" | "fail"): this;
  /** A column from the value at a path; from that of its own name unless said. */
  column(
    name: string,
    options?: {
      /** Fields of structs and indexes of lists: `["customer", "address", "0"]`. */
      path?: readonly string[];
      /** What to convert to; the type that is found unless said. */
      type?: string;
      /** `false`: a row without the value is a mismatch. */
      nullable?: boolean;
    },
  ): this;
  /** Metadata of the source; the one that `name` says unless `key` does. */
  metadata(name: string, key?: "key" | "topic" | "partition" | "offset" | "timestamp" | "headers" | "all"): this;
  /** The value at a path as JSON text; the whole record without one. */
  json(name: string, path?: readonly string[]): this;
  /** All other columns as they are, but for these. */
  rest(without?: readonly string[]): this;
  /** The rows in this shape; those that do not convert become dead letters. */
  apply(rows: Batch): Batch;
}

/** Refuses rows, if there are any: they become dead letters with this reason, committed with the epoch. */
export function reject(rows: Batch, reason: string): void;
/** Says that rows are left out on purpose. An epoch in which nothing is said of rows fails. */
export function skip(rows: Batch | number, reason: string): void;
/** Asks for a commit within so many milliseconds from now; 0: after this `write`. */
export function commitWithin(ms: number): void;

/** Lines of the log; `console` writes there, too (`console.log` as `info`). */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

/** Decides what the host does: see docs/components.md, "Errors and traps". */
export type ErrorKind =
  | "other"
  | "unavailable"
  | "throttled"
  | "conflict"
  | "outcome-unknown"
  | "rejected"
  | "denied"
  | "invalid";

/**
 * What went wrong, for the host (`kind`) and for a person (`message`). Host calls throw it. To say
 * what was being done, throw an `Error` with it as its `cause`: the kind stays.
 */
export class SinkError extends Error {
  constructor(kind: ErrorKind, message: string, options?: { retryAfterMs?: number; cause?: unknown });
  readonly kind: ErrorKind;
  /** Milliseconds to wait, with `throttled`. */
  readonly retryAfterMs: number | null;
}

type Options = { cause?: unknown };
/** The destination is away: the epoch is given again. `throw unavailable("…")` */
export function unavailable(message: string, options?: Options): SinkError;
/** Too fast: the epoch is given again after so many milliseconds. */
export function throttled(message: string, retryAfterMs?: number, options?: Options): SinkError;
/** Some of these rows are to blame: the host looks for them, and makes them dead letters. */
export function rejected(message: string, options?: Options): SinkError;
/** A misuse, a wrong name or type: stops the pipeline. */
export function invalid(message: string, options?: Options): SinkError;
/** Anything else: stops the pipeline. */
export function other(message: string, options?: Options): SinkError;
