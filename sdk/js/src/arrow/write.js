// Columns of JavaScript values as an Arrow IPC stream.

import { misuse } from "../errors.js";
import { Builder } from "./flatbuffer.js";
import { bytesOf } from "./bytes.js";
import { writeField } from "./schema.js";

const VERSION = 4;
const SCHEMA = 1;
const RECORD_BATCH = 3;
const END = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** The stream of these columns, [{ name, type, nullable, values }], all of one length. */
export function writeStream(columns, length) {
  const body = new Body();
  for (const { name, type, nullable, values } of columns) body.array(type, values, nullable, name);
  const rows = new Builder();
  const buffers = rows.pairs(body.places);
  const nodes = rows.pairs(body.nodes);
  const batch = rows.table([[0, 8, length], [1, "offset", nodes], [2, "offset", buffers]]);
  const fields = new Builder();
  const places = fields.offsets(columns.map((column) => writeField(fields, column)));
  const schema = fields.table([[0, 2, 0], [1, "offset", places]]);
  return joined([
    ...message(fields, SCHEMA, schema, 0),
    ...message(rows, RECORD_BATCH, batch, body.length),
    ...body.pieces,
    END,
  ]);
}

function message(builder, kind, header, bodyLength) {
  const bytes = builder.finish(
    builder.table([[0, 2, VERSION], [1, 1, kind], [2, "offset", header], [3, 8, bodyLength]]),
  );
  const prefix = new Uint8Array(8);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, 0xffff_ffff, true);
  view.setUint32(4, bytes.length, true);
  return [prefix, bytes];
}

function joined(pieces) {
  const stream = new Uint8Array(pieces.reduce((length, piece) => length + padded(piece.length), 0));
  let at = 0;
  for (const piece of pieces) {
    stream.set(piece, at);
    at += padded(piece.length);
  }
  return stream;
}

const padded = (length) => Math.ceil(length / 8) * 8;

/** The arrays of a record batch, one after the other. */
class Body {
  constructor() {
    this.length = 0;
    this.nodes = [];
    this.places = [];
    this.pieces = [];
  }

  array(type, values, nullable, name) {
    const nulls = new Nulls(values, nullable, name);
    if (type.kind === "null") {
      if (nulls.count < values.length) throw misuse(`column \`${name}\`: the type "null" has no values`);
      this.nodes.push([values.length, values.length]);
      return;
    }
    this.nodes.push([values.length, nulls.count]);
    this.add(nulls.bytes);
    const { buffers, children } = bytesOf(type, values, nulls, name);
    buffers.forEach((buffer) => this.add(buffer));
    (type.children ?? []).forEach((child, i) => {
      // In the place of an object that is null there are nulls, whatever its fields allow.
      const isStruct = type.kind === "struct";
      this.array(child.type, children[i], isStruct || child.nullable, isStruct ? `${name}.${child.name}` : name);
    });
  }

  add(bytes) {
    this.places.push([this.length, bytes.length]);
    this.pieces.push(bytes);
    this.length += padded(bytes.length);
  }
}

/** Which values are null or undefined. */
class Nulls {
  constructor(values, nullable, name) {
    this.count = 0;
    this.bytes = new Uint8Array(0);
    // `includes` sees the holes of an array, which `indexOf` skips.
    if (!values.includes(null) && !values.includes(undefined)) return;
    const bytes = new Uint8Array((values.length + 7) >> 3);
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== null && values[i] !== undefined) bytes[i >> 3] |= 1 << (i & 7);
      else this.count += 1;
    }
    if (this.count > 0 && !nullable) {
      const row = values.findIndex((value) => value === null || value === undefined);
      throw misuse(`column \`${name}\`: value ${row} is null, and the column is not nullable`, "rejected");
    }
    this.bytes = bytes;
  }
}
