// An Arrow IPC stream as columns, before their values are made.

import { misuse } from "../errors.js";
import { Table, long } from "./flatbuffer.js";
import { readField } from "./schema.js";

const SCHEMA = 1;
const RECORD_BATCH = 3;

/** [{ name, type, nullable, parts }]: a part is what one record batch holds of the column. */
export function readStream(bytes) {
  if (!(bytes instanceof Uint8Array)) throw misuse("an Arrow stream is a Uint8Array");
  try {
    return columnsOf(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw misuse(`not an Arrow stream that can be read: ${error.message}`);
    throw error;
  }
}

function columnsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let columns;
  for (let at = 0; at + 8 <= bytes.length; ) {
    if (view.getUint32(at, true) !== 0xffff_ffff) throw new RangeError("a message does not begin as one");
    const size = view.getUint32(at + 4, true);
    if (size === 0) break;
    const body = at + 8 + size;
    if (body > bytes.length) throw new RangeError("it ends in the middle of a message");
    const message = Table.root(new DataView(bytes.buffer, bytes.byteOffset + at + 8, size), 0);
    at = body + message.long(3);
    if (at > bytes.length) throw new RangeError("it ends in the middle of the rows");
    const header = message.table(2);
    if (header === undefined) throw new RangeError("a message is empty");
    if (message.byte(1) === SCHEMA) {
      if (header.short(0) !== 0) throw new RangeError("it is big-endian");
      columns = header.tables(1).map((table) => ({ ...readField(table), parts: [] }));
    } else if (message.byte(1) === RECORD_BATCH && columns !== undefined) {
      const batch = new RecordBatch(header, bytes.subarray(body, at));
      for (const column of columns) column.parts.push(batch.array(column.type, column));
    } else {
      throw new RangeError("there are dictionaries, or rows before a schema");
    }
  }
  if (columns === undefined) throw new RangeError("there is no schema");
  return columns;
}

class RecordBatch {
  constructor(header, body) {
    if (header.table(3) !== undefined) throw new RangeError("it is compressed");
    this.body = body;
    this.view = header.view;
    this.nodes = header.vector(1);
    this.buffers = header.vector(2);
    this.node = 0;
    this.buffer = 0;
  }

  /** { type, length, validity, buffers, children } */
  array(type, column) {
    if (type.kind === "unknown") {
      throw misuse(
        `the column \`${column.name}\` is of the type \`${type.text}\`, which is not read here; ` +
          "convert it with a plan, or leave it to the host",
      );
    }
    if (this.node >= this.nodes.length) throw new RangeError("there are fewer arrays than columns");
    const at = this.nodes.at + 16 * this.node++;
    const length = long(this.view, at);
    const nulls = long(this.view, at + 8);
    const array = { type, length, validity: null, buffers: [], children: [] };
    if (type.kind === "null") return array;
    const validity = this.bytes();
    if (nulls > 0) array.validity = atLeast(validity, (length + 7) >> 3);
    if (type.kind === "list" || type.kind === "map" || type.kind === "utf8" || type.kind === "binary") {
      const offsets = this.bytes();
      const wide = type.large ? 8 : 4;
      array.buffers.push(length === 0 ? new Uint8Array(wide) : atLeast(offsets, wide * (length + 1)));
      if (type.kind === "utf8" || type.kind === "binary") array.buffers.push(this.bytes());
    } else if (type.kind !== "struct" && type.kind !== "fixed_size_list") {
      array.buffers.push(atLeast(this.bytes(), type.kind === "bool" ? (length + 7) >> 3 : length * size(type)));
    }
    for (const child of type.children ?? []) {
      const inner = this.array(child.type, column);
      if (type.kind === "struct" && inner.length < length) throw new RangeError("a struct's field is too short");
      if (type.kind === "fixed_size_list" && inner.length < length * type.size) {
        throw new RangeError("a list's items are too few");
      }
      array.children.push(inner);
    }
    return array;
  }

  bytes() {
    if (this.buffer >= this.buffers.length) throw new RangeError("there are fewer buffers than columns need");
    const at = this.buffers.at + 16 * this.buffer++;
    const start = long(this.view, at);
    const end = start + long(this.view, at + 8);
    if (end > this.body.length) throw new RangeError("a buffer ends beyond the rows");
    return this.body.subarray(start, end);
  }
}

function atLeast(bytes, length) {
  if (bytes.length < length) throw new RangeError("a buffer is too short for its rows");
  return bytes;
}

/** Bytes of one value. */
function size(type) {
  switch (type.kind) {
    case "fixed_size_binary":
      return type.size;
    case "timestamp":
    case "duration":
      return 8;
    default:
      return type.bits >> 3;
  }
}
