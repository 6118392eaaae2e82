import types from "wasm-sink:sink/types@0.1.0";
import * as check from "./arguments.js";
import { readStream } from "./arrow/read.js";
import { parseType } from "./arrow/types.js";
import { valuesOf } from "./arrow/values.js";
import { writeStream } from "./arrow/write.js";
import { ask, misuse, shown } from "./errors.js";
import { recordsOf } from "./records.js";

let epoch = 0;

/** Batches that were made until now are of an earlier epoch. */
export function endEpoch() {
  epoch += 1;
}

/** Fields by schema id: the host makes them anew at each call. */
const known = new Map();

export class Batch {
  #handle;
  #epoch = epoch;

  constructor(handle) {
    if (!(handle instanceof types.Batch)) {
      throw misuse("a batch is not made with `new`: use Batch.of({ name: { type, values } }) or Batch.fromIpc(bytes)");
    }
    this.#handle = handle;
  }

  /** The host's handle, for a call that takes a batch. */
  static handle(value, what) {
    if (!(value instanceof Batch)) throw misuse(`${what} takes a batch, not ${shown(value)}`);
    if (value.#handle === undefined) throw misuse(`${what}: this batch was disposed of`);
    if (value.#epoch !== epoch) {
      throw misuse(
        `${what}: this batch is of an earlier epoch, and its rows are gone; ` +
          "what is held has to be staged in `flush`, and let go of there",
      );
    }
    return value.#handle;
  }

  static of(columns) {
    if (typeof columns !== "object" || columns === null || Array.isArray(columns)) {
      throw misuse(`Batch.of takes { name: { type, values } }, not ${shown(columns)}`);
    }
    const made = Object.entries(columns).map(([name, column]) => columnOf(name, column));
    if (made.length === 0) throw misuse("a batch has at least one column");
    const { length } = made[0].values;
    for (const { name, values } of made) {
      if (values.length !== length) {
        throw misuse(`column \`${name}\` has ${values.length} values, and \`${made[0].name}\` has ${length}`);
      }
    }
    return Batch.fromIpc(writeStream(made, length));
  }

  static fromRecords(records, dataTypes) {
    if (!Array.isArray(records)) throw misuse(`Batch.fromRecords takes an array of records, not ${shown(records)}`);
    const columns = Object.entries(dataTypes).map(([name, type]) => [
      name,
      { type, values: records.map((record) => record?.[name] ?? null) },
    ]);
    return Batch.of(Object.fromEntries(columns));
  }

  static fromIpc(bytes) {
    if (!(bytes instanceof Uint8Array)) throw misuse(`Batch.fromIpc takes a Uint8Array, not ${shown(bytes)}`);
    return new Batch(ask(() => types.Batch.fromIpc(bytes)));
  }

  get rowCount() {
    return Batch.handle(this, "rowCount").rowCount();
  }

  get origin() {
    return Batch.handle(this, "origin").origin() ?? null;
  }

  get schemaId() {
    return Batch.handle(this, "schemaId").schemaId();
  }

  get fields() {
    const handle = Batch.handle(this, "fields");
    const id = handle.schemaId();
    let fields = known.get(id);
    if (fields === undefined) {
      fields = Object.freeze(handle.fields().map(Object.freeze));
      known.set(id, fields);
    }
    return fields;
  }

  field(name) {
    return this.fields.find((field) => field.name === name);
  }

  slice(offset, length) {
    const handle = Batch.handle(this, "slice");
    check.count(offset, "slice: the offset");
    check.count(length, "slice: the length");
    return new Batch(ask(() => handle.slice(offset, length)));
  }

  filter(keep) {
    const handle = Batch.handle(this, "filter");
    return new Batch(ask(() => handle.filter(bytesOf(keep))));
  }

  divide(chosen) {
    const handle = Batch.handle(this, "divide");
    const keep = bytesOf(chosen);
    const yes = ask(() => handle.filter(keep));
    const no = ask(() => handle.filter(keep.map((byte) => (byte === 0 ? 1 : 0))));
    return [new Batch(yes), new Batch(no)];
  }

  split(column) {
    const handle = Batch.handle(this, "split");
    const name = check.text(column, "split: the column's name");
    return ask(() => handle.split(name)).map(([value, rows]) => ({ value: value ?? null, rows: new Batch(rows) }));
  }

  withColumns(columns) {
    const handle = Batch.handle(this, "withColumns");
    if (columns instanceof Batch) {
      const added = Batch.handle(columns, "withColumns");
      return new Batch(ask(() => handle.withColumns(added)));
    }
    const rows = handle.rowCount();
    for (const [name, column] of Object.entries(columns ?? {})) {
      const given = column?.values?.length;
      if (given !== undefined && given !== rows) {
        throw misuse(`column \`${name}\` has ${given} values, and the batch has ${rows} rows`);
      }
    }
    return this.withColumns(Batch.of(columns));
  }

  withColumn(name, type, values) {
    return this.withColumns({ [check.text(name, "withColumn: the name")]: { type, values } });
  }

  ipc(columns = []) {
    const handle = Batch.handle(this, "ipc");
    const names = check.texts(columns, "the columns");
    return ask(() => handle.ipc(names));
  }

  column(name) {
    return valuesOf(readStream(this.ipc([check.text(name, "column: the name")]))[0]);
  }

  columns(names = []) {
    return Object.fromEntries(readStream(this.ipc(names)).map((column) => [column.name, valuesOf(column)]));
  }

  records() {
    return recordsOf(this, Batch.handle(this, "records"));
  }

  [Symbol.dispose]() {
    this.#handle?.[Symbol.dispose]();
    this.#handle = undefined;
  }
}

function columnOf(name, column) {
  const { type, values, nullable = true } = column ?? {};
  if (typeof type !== "string" || !(Array.isArray(values) || ArrayBuffer.isView(values))) {
    throw misuse(`column \`${name}\` is given as { type: "utf8", values: [...] }, not as ${shown(column)}`);
  }
  return { name: name.toWellFormed(), type: parseType(type), nullable, values };
}

function bytesOf(keep) {
  if (keep instanceof Uint8Array) return keep;
  if (!Array.isArray(keep)) throw misuse(`which rows are meant is an array of true or false, not ${shown(keep)}`);
  const bytes = new Uint8Array(keep.length);
  for (let i = 0; i < keep.length; i++) if (keep[i]) bytes[i] = 1;
  return bytes;
}
