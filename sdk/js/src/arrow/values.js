// The values of columns, as JavaScript has them. See `Batch.column` in index.d.ts for what becomes what.

import { misuse } from "../errors.js";
import { BuiltInDate } from "./date.js";
import { decoded, isAscii, latin } from "./text.js";

const HALF = 0x1_0000_0000;
const DAY = 86_400_000;
const TO_SECOND = { s: 1, ms: 1_000, us: 1_000_000, ns: 1_000_000_000 };
const INTS = {
  int8: Int8Array, int16: Int16Array, int32: Int32Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array,
};

/** All values of a column. */
export function valuesOf(column) {
  const parts = column.parts.map((part) => values(part, column));
  return parts.length === 1 ? parts[0] : parts.flat();
}

/** Whether any integer in a column has more digits than a JavaScript number can hold. */
export function holdsLongNumbers(array) {
  if (array.type.kind !== "int" || array.type.bits !== 64) return array.children.some(holdsLongNumbers);
  const words = view(Int32Array, array.buffers[0], 2 * array.length);
  for (let i = 1; i < words.length; i += 2) {
    if (words[i] >= 0x20_0000 || words[i] < -0x20_0000) return true;
  }
  return false;
}

function values(array, column) {
  const made = withoutNulls(array, column);
  const { validity } = array;
  if (validity === null) return made;
  for (let byte = 0, row = 0; row < array.length; byte++, row += 8) {
    const bits = validity[byte];
    if (bits === 0xff) continue;
    for (let i = row, end = Math.min(row + 8, array.length); i < end; i++) {
      if (!((bits >> (i - row)) & 1)) made[i] = null;
    }
  }
  return made;
}

function withoutNulls(array, column) {
  const { type, length, buffers } = array;
  switch (type.kind) {
    case "null":
      return new Array(length).fill(null);
    case "bool":
      return booleans(buffers[0], length);
    case "int":
      return type.bits === 64 ? longs(array) : listed(view(INTS[type.text], buffers[0], length));
    case "float":
      return listed(view(type.bits === 64 ? Float64Array : type.bits === 32 ? Float32Array : Float16Array, buffers[0], length));
    case "utf8":
      return texts(array);
    case "binary":
      return ranges(array, buffers[1].length, (start, end) => buffers[1].slice(start, end));
    case "fixed_size_binary":
      return Array.from({ length }, (_, i) => buffers[0].slice(i * type.size, (i + 1) * type.size));
    case "decimal":
      return decimals(buffers[0], length, type.scale);
    case "date":
      return dates(array, column);
    case "time": {
      const counts = type.bits === 32 ? listed(view(Int32Array, buffers[0], length)) : longs(array);
      return counts.map((count) => time(Number(count), TO_SECOND[type.unit]));
    }
    case "timestamp":
      return instants(array, column);
    case "duration":
      return longs(array);
    case "list":
    case "map": {
      const items = values(array.children[0], column);
      const lists = ranges(array, items.length, (start, end) => items.slice(start, end));
      return type.kind === "list" ? lists : lists.map((pairs) => new Map(pairs.map(Object.values)));
    }
    case "fixed_size_list": {
      const items = values(array.children[0], column);
      return Array.from({ length }, (_, i) => items.slice(i * type.size, (i + 1) * type.size));
    }
    case "struct":
      return structs(array, column);
  }
}

function view(Kind, bytes, length) {
  const size = length * Kind.BYTES_PER_ELEMENT;
  return bytes.byteOffset % Kind.BYTES_PER_ELEMENT === 0
    ? new Kind(bytes.buffer, bytes.byteOffset, length)
    : new Kind(bytes.slice(0, size).buffer);
}

const listed = (numbers) => Array.prototype.slice.call(numbers);

function booleans(bytes, length) {
  const made = new Array(length);
  for (let i = 0; i < length; i++) made[i] = ((bytes[i >> 3] >> (i & 7)) & 1) === 1;
  return made;
}

/** Integers of 64 bits: numbers where they are exact, else bigints. */
function longs({ type, length, buffers }) {
  const low = view(Uint32Array, buffers[0], 2 * length);
  const high = type.signed === false ? low : view(Int32Array, buffers[0], 2 * length);
  const made = new Array(length);
  for (let i = 0, at = 0; i < length; i++, at += 2) {
    const top = high[at + 1];
    made[i] =
      top < 0x20_0000 && top >= -0x20_0000 ? top * HALF + low[at] : BigInt(top) * 0x1_0000_0000n + BigInt(low[at]);
  }
  return made;
}

/** Offsets as numbers; not one leads out of what it points into. */
function offsets({ type, length, buffers }, most) {
  const found = type.large ? longs({ type: { signed: true }, length: length + 1, buffers }) : view(Int32Array, buffers[0], length + 1);
  let last = found[0];
  for (let i = 1; i <= length; i++) {
    const end = found[i];
    if (end < last) throw misuse("not an Arrow stream that can be read: offsets go backwards");
    last = end;
  }
  if (found[0] < 0 || found[length] > most) throw misuse("not an Arrow stream that can be read: offsets lead out of it");
  return found;
}

function ranges(array, most, make) {
  const found = offsets(array, most);
  const made = new Array(array.length);
  for (let i = 0; i < array.length; i++) made[i] = make(found[i], found[i + 1]);
  return made;
}

function texts(array) {
  const { length } = array;
  const bytes = array.buffers[1];
  const ends = offsets(array, bytes.length);
  const all = latin(bytes);
  const made = new Array(length);
  let start = ends[0];
  for (let i = 0; i < length; i++) {
    const end = ends[i + 1];
    made[i] = all.substring(start, end);
    start = end;
  }
  return isAscii(bytes) ? made : made.map(decoded);
}

function decimals(bytes, length, scale) {
  const low = view(BigUint64Array, bytes, 2 * length);
  const high = view(BigInt64Array, bytes, 2 * length);
  return Array.from({ length }, (_, i) => pointed((high[2 * i + 1] << 64n) | low[2 * i], scale));
}

function pointed(unscaled, scale) {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function dates(array, column) {
  const { type, length, buffers } = array;
  const days = type.bits === 32 ? view(Int32Array, buffers[0], length) : longs(array).map((ms) => Math.floor(Number(ms) / DAY));
  const known = new Map();
  const made = new Array(length);
  for (let i = 0; i < length; i++) {
    let text = known.get(days[i]);
    if (text === undefined) {
      const date = new BuiltInDate(days[i] * DAY);
      text = isNull(array, i) ? "" : checked(date, column).toISOString().split("T", 1)[0];
      known.set(days[i], text);
    }
    made[i] = text;
  }
  return made;
}

function instants(array, column) {
  const perSecond = TO_SECOND[array.type.unit];
  // A double is not exact for nanoseconds of this century.
  const counts = perSecond === 1_000_000_000 ? nanoseconds(array) : longs(array);
  const scale = perSecond === 1 ? 1_000 : 1;
  const divisor = perSecond === 1_000_000 ? 1_000 : 1;
  const made = new Array(array.length);
  for (let i = 0; i < array.length; i++) {
    const date = new BuiltInDate(Math.floor((Number(counts[i]) * scale) / divisor));
    made[i] = isNull(array, i) ? null : checked(date, column);
  }
  return made;
}

/** In milliseconds, rounded down. */
function nanoseconds({ length, buffers }) {
  return Array.from(view(BigInt64Array, buffers[0], length), (count) => {
    const cut = count / 1_000_000n;
    return Number(count < 0n && cut * 1_000_000n !== count ? cut - 1n : cut);
  });
}

const isNull = ({ validity }, row) => validity !== null && ((validity[row >> 3] >> (row & 7)) & 1) === 0;

function checked(date, column) {
  if (!Number.isNaN(date.getTime())) return date;
  throw misuse(
    `the column \`${column.name}\` of the type \`${column.type.text}\` holds a time beyond what a Date can say; ` +
      "convert it to utf8 with a plan",
    "rejected",
  );
}

function time(count, perSecond) {
  const two = (number) => String(number).padStart(2, "0");
  const seconds = Math.floor(count / perSecond);
  const fraction = count % perSecond;
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(Math.log10(perSecond), "0")}`;
}

function structs(array, column) {
  const names = array.type.children.map((child) => child.name);
  const columns = array.children.map((child) => values(child, column));
  const made = new Array(array.length);
  for (let row = 0; row < array.length; row++) {
    const object = {};
    for (let i = 0; i < names.length; i++) object[names[i]] = columns[i][row];
    made[row] = object;
  }
  return made;
}
