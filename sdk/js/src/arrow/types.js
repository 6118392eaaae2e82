// Types of columns: as the contract writes them ("list<utf8>"), and as a tree.
//
// { kind, text } and, by kind: bits, signed (int) · bits (float, date, time) · unit (time, timestamp,
// duration) · zone (timestamp) · large (utf8, binary, list) · size (fixed_size_binary,
// fixed_size_list) · digits, scale, bits (decimal) · children: [{ name, type, nullable }].

import { misuse } from "../errors.js";

const UNITS = ["s", "ms", "us", "ns"];
const DEEPEST = 32;
const COMMON = "utf8, int64, float64, boolean, date32, timestamp(us,+00:00), decimal(10,2), list<utf8>, struct<name: utf8>";

const PLAIN = {
  null: { kind: "null" },
  boolean: { kind: "bool" },
  bool: { kind: "bool" },
  int8: { kind: "int", bits: 8, signed: true },
  int16: { kind: "int", bits: 16, signed: true },
  int32: { kind: "int", bits: 32, signed: true },
  int64: { kind: "int", bits: 64, signed: true },
  uint8: { kind: "int", bits: 8, signed: false },
  uint16: { kind: "int", bits: 16, signed: false },
  uint32: { kind: "int", bits: 32, signed: false },
  uint64: { kind: "int", bits: 64, signed: false },
  float16: { kind: "float", bits: 16 },
  float32: { kind: "float", bits: 32 },
  float64: { kind: "float", bits: 64 },
  utf8: { kind: "utf8", large: false },
  large_utf8: { kind: "utf8", large: true },
  binary: { kind: "binary", large: false },
  large_binary: { kind: "binary", large: true },
  date32: { kind: "date", bits: 32 },
  date64: { kind: "date", bits: 64 },
};

const known = new Map();

/** The type that a text names. */
export function parseType(text) {
  let type = known.get(text);
  if (type === undefined) {
    if (typeof text !== "string") throw misuse("a type is a text, such as \"int64\" or \"list<utf8>\"");
    const parser = new Parser(text);
    type = parser.type(0);
    parser.end();
    known.set(text, type);
  }
  return type;
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  type(depth) {
    if (depth > DEEPEST) this.fail(`types are nested more than ${DEEPEST} deep`);
    const start = this.at;
    const type = this.kind(depth);
    return { ...type, text: this.text.slice(start, this.at).trim() };
  }

  kind(depth) {
    const word = this.word();
    if (Object.hasOwn(PLAIN, word)) return PLAIN[word];
    switch (word) {
      case "time32":
        return { kind: "time", bits: 32, unit: this.between("(", () => this.unit("s", "ms"), ")") };
      case "time64":
        return { kind: "time", bits: 64, unit: this.between("(", () => this.unit("us", "ns"), ")") };
      case "duration":
        return { kind: "duration", unit: this.between("(", () => this.unit(...UNITS), ")") };
      case "timestamp":
        return this.between("(", () => {
          const unit = this.unit(...UNITS);
          return { kind: "timestamp", unit, zone: this.eat(",") ? this.name(/[\w+\-:/]+/y) : null };
        }, ")");
      case "decimal":
        return this.between("(", () => {
          const digits = this.number();
          this.expect(",");
          const scale = this.number();
          if (digits < 1 || digits > 38 || scale > digits) this.fail("a decimal has 1 to 38 digits here");
          return { kind: "decimal", bits: 128, digits, scale };
        }, ")");
      case "fixed_size_binary":
        return { kind: "fixed_size_binary", size: this.between("(", () => this.number(), ")") };
      case "list":
      case "large_list":
        return { kind: "list", large: word === "large_list", children: [this.between("<", () => this.field("item", depth), ">")] };
      case "fixed_size_list":
        return this.between("<", () => {
          const item = this.field("item", depth);
          this.expect(",");
          return { kind: "fixed_size_list", size: this.number(), children: [item] };
        }, ">");
      case "struct":
        return { kind: "struct", children: this.between("<", () => this.members(depth), ">") };
      case "map":
        return { kind: "map", children: [this.between("<", () => this.entries(depth), ">")] };
      default:
        this.fail(word === "" ? "a type is missing" : `\`${word}\` cannot be made here; common types are ${COMMON}`);
    }
  }

  members(depth) {
    const members = [];
    if (this.peek() === ">") return members;
    do {
      const name = this.name(/[\p{L}\p{N}_]+/uy);
      this.expect(":");
      members.push(this.field(name, depth));
    } while (this.eat(","));
    return members;
  }

  entries(depth) {
    const key = { name: "key", type: this.type(depth + 2), nullable: false };
    this.expect(",");
    const pair = [key, this.field("value", depth + 1)];
    const type = { kind: "struct", text: `struct<key: ${key.type.text}, value: ${pair[1].type.text}>`, children: pair };
    return { name: "entries", type, nullable: false };
  }

  field(name, depth) {
    const type = this.type(depth + 1);
    const start = this.at;
    if (this.word() !== "not") {
      this.at = start;
      return { name, type, nullable: true };
    }
    if (this.word() !== "null") this.fail("only `not null` can stand after a type");
    return { name, type, nullable: false };
  }

  unit(...units) {
    const word = this.word();
    return units.includes(word) ? word : this.fail(`\`${word}\` is none of the units ${units.join(", ")}`);
  }

  name(plain) {
    if (!this.eat("`")) return this.match(plain) || this.fail(`a name is missing at character ${this.at + 1}`);
    const quoted = this.match(/(?:[^`]|``)*/y);
    this.expect("`");
    return quoted.replaceAll("``", "`");
  }

  number() {
    const digits = this.match(/-?\d+/y);
    return digits === "" ? this.fail("a whole number is missing") : Number(digits);
  }

  word() {
    return this.match(/\w*/y);
  }

  match(pattern) {
    this.skipSpace();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  between(open, inside, close) {
    this.expect(open);
    const value = inside();
    this.expect(close);
    return value;
  }

  peek() {
    this.skipSpace();
    return this.text[this.at];
  }

  eat(symbol) {
    if (this.peek() !== symbol) return false;
    this.at += 1;
    return true;
  }

  expect(symbol) {
    if (!this.eat(symbol)) this.fail(`\`${symbol}\` is missing at character ${this.at + 1}`);
  }

  skipSpace() {
    while (this.text[this.at] === " ") this.at += 1;
  }

  end() {
    if (this.peek() !== undefined) this.fail(`\`${this.text.slice(this.at)}\` is left over`);
  }

  fail(reason) {
    throw misuse(`data type "${this.text}": ${reason}`);
  }
}
