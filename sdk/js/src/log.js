import host from "wasm-sink:sink/log@0.1.0";
import { stackOf } from "./stack.js";

const write = (level) => (...values) => host.write(level, values.map((value) => inspect(value)).join(" ").toWellFormed());

export const log = {
  debug: write("debug"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
};

/** A value for a line of the log: texts as they are, the rest much as in JavaScript. */
function inspect(value, depth = 0) {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `${value}\n${stackOf(value)}`.trimEnd();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (depth > 3) return Array.isArray(value) ? "[…]" : "{…}";
  const inner = (item) => inspect(item, depth + 1);
  if (value instanceof Map) return `Map { ${listed([...value].map(([key, item]) => `${inner(key)} => ${inner(item)}`))} }`;
  if (value instanceof Set) return `Set { ${listed([...value].map(inner))} }`;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `[${listed(Array.from(value.slice?.(0, 101) ?? [], inner))}]`;
  }
  const name = value.constructor === Object ? "" : `${value.constructor?.name ?? "[no prototype]"} `;
  return `${name}{ ${listed(Object.keys(value).slice(0, 101).map((key) => `${key}: ${inner(value[key])}`))} }`;
}

function listed(items) {
  return items.length > 100 ? `${items.slice(0, 100).join(", ")}, …` : items.join(", ");
}
