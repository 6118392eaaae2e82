// Fields of a schema in Arrow's messages: read into types, and written from them.

import { decoded, encoded, latin } from "./text.js";

export const UNITS = ["s", "ms", "us", "ns"];
const PRECISIONS = [16, 32, 64];
const ID = {
  null: 1, int: 2, float: 3, binary: 4, utf8: 5, bool: 6, decimal: 7, date: 8, time: 9, timestamp: 10,
  list: 12, struct: 13, fixed_size_binary: 15, fixed_size_list: 16, map: 17, duration: 18,
};
const LARGE = { binary: 19, utf8: 20, list: 21 };
const ELSE = {
  11: "interval", 14: "union", 22: "run_end_encoded", 23: "binary_view", 24: "utf8_view", 25: "list_view",
  26: "large_list_view",
};

/** A field of a schema; its type says `kind: "unknown"` where it is none that is read here. */
export function readField(table, depth = 0) {
  if (depth > 64) throw new RangeError("types are nested too deep");
  const name = decoded(latin(table.bytes(0)));
  const children = table.tables(5).map((child) => readField(child, depth + 1));
  const type = table.table(4) === undefined ? readType(table.byte(2), table.table(3), children) : unknown("dictionary");
  return { name, nullable: table.byte(1) !== 0, type };
}

const unknown = (text) => ({ kind: "unknown", text });
const inside = (field) => field.type.text + (field.nullable ? "" : " not null");

function readType(id, table, children) {
  switch (id) {
    case ID.null:
      return { kind: "null", text: "null" };
    case ID.bool:
      return { kind: "bool", text: "boolean" };
    case ID.int: {
      const [bits, signed] = [table.int(0), table.byte(1) !== 0];
      return { kind: "int", bits, signed, text: `${signed ? "" : "u"}int${bits}` };
    }
    case ID.float: {
      const bits = PRECISIONS[table.short(0)];
      return { kind: "float", bits, text: `float${bits}` };
    }
    case ID.utf8:
      return { kind: "utf8", large: false, text: "utf8" };
    case LARGE.utf8:
      return { kind: "utf8", large: true, text: "large_utf8" };
    case ID.binary:
      return { kind: "binary", large: false, text: "binary" };
    case LARGE.binary:
      return { kind: "binary", large: true, text: "large_binary" };
    case ID.fixed_size_binary:
      return { kind: "fixed_size_binary", size: table.int(0), text: `fixed_size_binary(${table.int(0)})` };
    case ID.decimal: {
      const [digits, scale, bits] = [table.int(0), table.int(1), table.int(2, 128)];
      const text = `decimal${bits === 128 ? "" : bits}(${digits},${scale})`;
      return bits === 128 ? { kind: "decimal", bits, digits, scale, text } : unknown(text);
    }
    case ID.date: {
      const bits = table.short(0, 1) === 0 ? 32 : 64;
      return { kind: "date", bits, text: `date${bits}` };
    }
    case ID.time: {
      const [unit, bits] = [UNITS[table.short(0, 1)], table.int(1, 32)];
      return { kind: "time", unit, bits, text: `time${bits}(${unit})` };
    }
    case ID.timestamp: {
      const unit = UNITS[table.short(0)];
      const zone = table.place(1) === 0 ? null : decoded(latin(table.bytes(1)));
      return { kind: "timestamp", unit, zone, text: `timestamp(${unit}${zone === null ? "" : `,${zone}`})` };
    }
    case ID.duration: {
      const unit = UNITS[table.short(0, 1)];
      return { kind: "duration", unit, text: `duration(${unit})` };
    }
    case ID.list:
    case LARGE.list: {
      const large = id === LARGE.list;
      return { kind: "list", large, children, text: `${large ? "large_" : ""}list<${children.map(inside)}>` };
    }
    case ID.fixed_size_list: {
      const size = table.int(0);
      return { kind: "fixed_size_list", size, children, text: `fixed_size_list<${children.map(inside)}, ${size}>` };
    }
    case ID.struct: {
      const members = children.map((child) => `${child.name}: ${inside(child)}`).join(", ");
      return { kind: "struct", children, text: `struct<${members}>` };
    }
    case ID.map: {
      const pair = children[0]?.type.children ?? [];
      if (pair.length !== 2) throw new RangeError("a map without keys and values");
      return { kind: "map", children, text: `map<${pair[0].type.text}, ${inside(pair[1])}>` };
    }
    default:
      return unknown(ELSE[id] ?? `the type number ${id}`);
  }
}

/** Writes a field; gives its place. */
export function writeField(builder, { name, type, nullable }) {
  const children = builder.offsets((type.children ?? []).map((child) => writeField(builder, child)));
  const [id, details] = typeOf(builder, type);
  const place = builder.table(details);
  return builder.table([
    [0, "offset", builder.text(encoded(name))],
    [1, 1, nullable ? 1 : 0],
    [2, 1, id],
    [3, "offset", place],
    [5, "offset", children],
  ]);
}

function typeOf(builder, type) {
  const id = type.large ? LARGE[type.kind] : ID[type.kind];
  const unit = UNITS.indexOf(type.unit);
  switch (type.kind) {
    case "int":
      return [id, [[0, 4, type.bits], [1, 1, type.signed ? 1 : 0]]];
    case "float":
      return [id, [[0, 2, PRECISIONS.indexOf(type.bits)]]];
    case "decimal":
      return [id, [[0, 4, type.digits], [1, 4, type.scale], [2, 4, type.bits]]];
    case "date":
      return [id, [[0, 2, type.bits === 32 ? 0 : 1]]];
    case "time":
      return [id, [[0, 2, unit], [1, 4, type.bits]]];
    case "timestamp":
      return [id, type.zone === null ? [[0, 2, unit]] : [[0, 2, unit], [1, "offset", builder.text(encoded(type.zone))]]];
    case "duration":
      return [id, [[0, 2, unit]]];
    case "fixed_size_binary":
    case "fixed_size_list":
      return [id, [[0, 4, type.size]]];
    default:
      return [id, []];
  }
}
