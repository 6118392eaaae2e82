// The host's functions trap on values of another type, so each is looked at before.

import { misuse, shown } from "./errors.js";

export function text(value, what) {
  if (typeof value === "string") return value.toWellFormed();
  throw misuse(`${what} is a text, not ${shown(value)}`);
}

export function texts(values, what) {
  if (!Array.isArray(values)) throw misuse(`${what} are an array of texts, not ${shown(values)}`);
  return values.map((value) => text(value, `each of ${what}`));
}

/** A whole number that fits into 32 bits. */
export function count(value, what) {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw misuse(`${what} is a whole number from 0 to 4294967295, not ${shown(value)}`);
}

export function oneOf(value, choices, what) {
  if (choices.includes(value)) return value;
  throw misuse(`${what} is one of ${choices.map((choice) => `"${choice}"`).join(", ")}, not ${shown(value)}`);
}

export function fields(values, what) {
  if (!Array.isArray(values)) throw misuse(`${what} takes an array of fields, not ${shown(values)}`);
  return values.map((field) => {
    if (typeof field !== "object" || field === null) {
      throw misuse(`${what}: a field is { name, dataType, nullable }, not ${shown(field)}`);
    }
    const { nullable = true } = field;
    if (typeof nullable !== "boolean") throw misuse(`${what}: \`nullable\` is true or false, not ${shown(nullable)}`);
    return {
      name: text(field.name, `${what}: the \`name\` of a field`),
      dataType: text(field.dataType, `${what}: the \`dataType\` of a field`),
      nullable,
    };
  });
}
