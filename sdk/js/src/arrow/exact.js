// Dates, times and decimals as whole numbers; undefined where a value is none.

const PER_SECOND = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n };
const DIGITS = { s: 0, ms: 3, us: 6, ns: 9 };
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
// Without 00, with which QuickJS's Date.parse takes "2026-01-00" for the year 2000.
const DAY = "[+-]?\\d{4,6}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";
const DATE = new RegExp(`^${DAY}$`);
const INSTANT = new RegExp(`^(${DAY})[T ](\\d\\d:\\d\\d(?::\\d\\d)?)(?:\\.(\\d+))?(Z|[+-]\\d\\d:\\d\\d)?$`);

/** Days since 1970 of a Date (in UTC) or "2026-03-01". */
export function exactDate(value) {
  if (typeof value === "string" && !(DATE.test(value) && isInMonth(value))) return undefined;
  const ms = milliseconds(value);
  return ms === undefined ? undefined : Math.floor(ms / 86_400_000);
}

/** A Date, or "2026-03-01T10:00:00.123456Z"; without a zone it is UTC. Counts of the type's unit. */
export function exactInstant(value, { unit }) {
  if (value instanceof Date) {
    const ms = milliseconds(value);
    if (ms === undefined) return undefined;
    if (unit === "s") return ms % 1000 === 0 ? ms / 1000 : undefined;
    return unit === "ms" ? ms : BigInt(ms) * (PER_SECOND[unit] / 1_000n);
  }
  const found = typeof value === "string" && INSTANT.exec(value);
  if (!found || !isInMonth(found[1])) return undefined;
  const ms = milliseconds(`${found[1]}T${found[2]}${found[4] ?? "Z"}`);
  const fraction = fractionOf(found[3], unit);
  return ms === undefined || fraction === undefined ? undefined : BigInt(ms / 1000) * PER_SECOND[unit] + fraction;
}

/** "10:00:00.5" in counts of the type's unit. */
export function exactTime(value, { unit, bits }) {
  const found = typeof value === "string" && /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?$/.exec(value);
  if (!found || found[1] > 23 || found[2] > 59 || (found[3] ?? 0) > 59) return undefined;
  const fraction = fractionOf(found[4], unit);
  if (fraction === undefined) return undefined;
  const count = BigInt(3600 * found[1] + 60 * found[2] + Number(found[3] ?? 0)) * PER_SECOND[unit] + fraction;
  return bits === 32 ? Number(count) : count;
}

/** A text, a bigint or a number, unscaled. */
export function exactDecimal(value, { digits, scale }) {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") return undefined;
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value));
  if (found === null) return undefined;
  const [, sign, whole, fraction = ""] = found;
  const all = BigInt(whole + fraction);
  const shift = scale - fraction.length;
  const unscaled = shift >= 0 ? all * 10n ** BigInt(shift) : all / 10n ** BigInt(-shift);
  if (shift < 0 && unscaled * 10n ** BigInt(-shift) !== all) return undefined;
  if (unscaled >= 10n ** BigInt(digits)) return undefined;
  return sign === "" ? unscaled : -unscaled;
}

/** Whether the month of a date has its day: Date.parse takes the 30th of February for the 2nd of March. */
function isInMonth(date) {
  const day = Number(date.slice(-2));
  if (day <= 28) return true;
  const month = Number(date.slice(-5, -3));
  if (month !== 2) return day <= DAYS[month - 1];
  const year = Number(date.slice(0, -6));
  return day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function milliseconds(value) {
  const ms = value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** Digits behind the point in counts of a unit; undefined where it cannot hold them all. */
function fractionOf(digits = "", unit) {
  const kept = digits.replace(/0+$/, "");
  return kept.length > DIGITS[unit] ? undefined : BigInt(kept.padEnd(DIGITS[unit], "0") || 0);
}
