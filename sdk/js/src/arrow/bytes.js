// Values as the buffers of an Arrow array. A value that its type cannot hold is an error that names
// column, row and type; nothing is cut or rounded.

import { misuse, shown } from "../errors.js";
import { exactDate, exactDecimal, exactInstant, exactTime } from "./exact.js";
import { encoded, fromLatin } from "./text.js";

const INTS = {
  8: [Int8Array, Uint8Array], 16: [Int16Array, Uint16Array], 32: [Int32Array, Uint32Array],
};
const HALF = 0x1_0000_0000;

/** { buffers, children }: what stands behind the validity, and the values of its children. */
export function bytesOf(type, values, nulls, name) {
  const wrong = (row, why) => {
    const reason = why ?? `which is no ${type.text}`;
    throw misuse(`column \`${name}\`: value ${row} is ${shown(values[row])}, ${reason}`, "rejected");
  };
  const buffer = (bytes) => ({ buffers: [bytes], children: [] });
  switch (type.kind) {
    case "bool":
      return buffer(booleans(values, wrong));
    case "int":
      return buffer(type.bits === 64 ? longs(values, type.signed, wrong) : ints(values, type, wrong));
    case "float":
      return buffer(floats(values, type, wrong));
    case "duration":
      return buffer(longs(values, true, wrong));
    case "timestamp":
      return buffer(longs(exact(values, wrong, (value) => exactInstant(value, type)), true, wrong));
    case "time": {
      const counts = exact(values, wrong, (value) => exactTime(value, type));
      return buffer(type.bits === 64 ? longs(counts, true, wrong) : asBytes(Int32Array.from(counts, (count) => count ?? 0)));
    }
    case "date": {
      const days = exact(values, wrong, exactDate);
      return buffer(
        type.bits === 32
          ? asBytes(Int32Array.from(days, (day) => day ?? 0))
          : longs(days.map((day) => (day === null ? null : day * 86_400_000)), true, wrong),
      );
    }
    case "decimal":
      return buffer(decimals(exact(values, wrong, (value) => exactDecimal(value, type))));
    case "utf8":
      return texts(values, type, wrong);
    case "binary":
      return binaries(values, type, wrong);
    case "fixed_size_binary":
      return buffer(fixed(values, type.size, wrong));
    case "list":
    case "map":
      return lists(values, type, wrong);
    case "fixed_size_list":
      return { buffers: [], children: [fixedLists(values, type.size, wrong)] };
    case "struct":
      return { buffers: [], children: members(values, type, wrong) };
  }
}

const isNull = (value) => value === null || value === undefined;
const asBytes = (numbers) => new Uint8Array(numbers.buffer);

/** Values by a function that answers undefined to what it cannot take. */
function exact(values, wrong, make) {
  return Array.from(values, (value, row) => (isNull(value) ? null : (make(value) ?? wrong(row))));
}

function booleans(values, wrong) {
  const bytes = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) {
    if (values[i] === true) bytes[i >> 3] |= 1 << (i & 7);
    else if (values[i] !== false && !isNull(values[i])) wrong(i);
  }
  return bytes;
}

function ints(values, { bits, signed }, wrong) {
  const numbers = new INTS[bits][signed ? 0 : 1](values.length);
  for (let i = 0; i < values.length; i++) {
    let value = values[i];
    if (typeof value === "bigint") value = Number(value);
    numbers[i] = value;
    if (numbers[i] !== value && !isNull(value)) wrong(i);
  }
  return asBytes(numbers);
}

function longs(values, signed, wrong) {
  const numbers = signed ? new BigInt64Array(values.length) : new BigUint64Array(values.length);
  const words = new Uint32Array(numbers.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isSafeInteger(value) && (signed || value >= 0)) {
      words[2 * i] = value;
      words[2 * i + 1] = Math.floor(value / HALF);
    } else if (typeof value === "bigint") {
      numbers[i] = value;
      if (numbers[i] !== value) wrong(i);
    } else if (!isNull(value)) {
      wrong(i, Number.isInteger(value) ? "beyond the whole numbers that are exact; take a bigint" : undefined);
    }
  }
  return asBytes(numbers);
}

function floats(values, { bits, text }, wrong) {
  const isNumber = (value) => typeof value === "number" || isNull(value);
  if (!(ArrayBuffer.isView(values) || values.every(isNumber))) wrong(values.findIndex((value) => !isNumber(value)));
  const numbers = new (bits === 64 ? Float64Array : bits === 32 ? Float32Array : Float16Array)(values.length);
  numbers.set(values);
  if (bits < 64 && (numbers.includes(Infinity) || numbers.includes(-Infinity))) {
    const row = values.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(numbers[i]));
    if (row !== -1) wrong(row, `beyond what a ${text} can hold`);
  }
  return asBytes(numbers);
}

function decimals(unscaled) {
  const bytes = new Uint8Array(16 * unscaled.length);
  const view = new DataView(bytes.buffer);
  unscaled.forEach((value, i) => {
    if (value === null) return;
    view.setBigInt64(16 * i, BigInt.asIntN(64, value), true);
    view.setBigInt64(16 * i + 8, value >> 64n, true);
  });
  return bytes;
}

function texts(values, type, wrong) {
  const isText = (value) => typeof value === "string" || isNull(value);
  if (!values.every(isText)) wrong(values.findIndex((value) => !isText(value)));
  const joined = values.join("");
  let bytes = encoded(joined.toWellFormed());
  let parts = values;
  if (bytes.length !== joined.length) {
    parts = values.map((value) => (isNull(value) ? null : encoded(value.toWellFormed())));
    bytes = parts.join("");
  }
  return { buffers: [offsets(parts, type.large), fromLatin(bytes)], children: [] };
}

function binaries(values, type, wrong) {
  const parts = exact(values, wrong, (value) => (value instanceof Uint8Array ? value : undefined));
  const ends = offsets(parts, type.large);
  const bytes = new Uint8Array(parts.reduce((length, part) => length + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (part === null) continue;
    bytes.set(part, at);
    at += part.length;
  }
  return { buffers: [ends, bytes], children: [] };
}

function fixed(values, size, wrong) {
  const bytes = new Uint8Array(size * values.length);
  exact(values, wrong, (value) => (value instanceof Uint8Array && value.length === size ? value : undefined)).forEach(
    (value, i) => value !== null && bytes.set(value, size * i),
  );
  return bytes;
}

function offsets(parts, large) {
  const ends = new Array(parts.length + 1);
  let end = 0;
  ends[0] = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part !== null && part !== undefined) end += part.length;
    ends[i + 1] = end;
  }
  if (large) return longs(ends, true);
  if (end > 0x7fff_ffff) throw misuse("more than 2 GiB in one column; write fewer rows at once");
  const narrow = new Int32Array(ends.length);
  narrow.set(ends);
  return asBytes(narrow);
}

function lists(values, type, wrong) {
  const parts = exact(values, wrong, type.kind === "map" ? pairs : items);
  return { buffers: [offsets(parts, type.large)], children: [parts.flatMap((part) => part ?? [])] };
}

const items = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value) : undefined);

function pairs(value) {
  if (typeof value !== "object") return undefined;
  const found = value instanceof Map || Array.isArray(value) ? Array.from(value) : Object.entries(value);
  return found.every((pair) => pair.length === 2) ? found.map(([key, value]) => ({ key, value })) : undefined;
}

function fixedLists(values, size, wrong) {
  const parts = exact(values, wrong, (value) => (items(value)?.length === size ? items(value) : undefined));
  return parts.flatMap((part) => part ?? new Array(size).fill(null));
}

function members(values, type, wrong) {
  const objects = exact(values, wrong, (value) => (typeof value === "object" && !Array.isArray(value) ? value : undefined));
  return type.children.map(({ name, nullable }) => {
    const values = objects.map((object) => object?.[name] ?? null);
    const row = nullable ? -1 : objects.findIndex((object, row) => object !== null && values[row] === null);
    if (row !== -1) wrong(row, `whose \`${name}\` is null, and it is \`not null\``);
    return values;
  });
}
