// A source map as the table that stack.js reads: by line of the bundle, from which column on it is
// which place of which file.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** `named` gives the name of a source, undefined for what is left out. */
export function sourceTable(map, named) {
  const files = map.sources.map((source) => named(source) ?? null);
  const lines = {};
  let [file, line, column] = [0, 0, 0];
  map.mappings.split(";").forEach((segments, i) => {
    const places = [];
    let start = 0;
    for (const segment of segments.split(",")) {
      const [first, ...rest] = numbers(segment);
      if (first === undefined) continue;
      start += first;
      if (rest.length < 3) continue;
      file += rest[0];
      line += rest[1];
      column += rest[2];
      if (files[file] !== null) places.push(start, file, line + 1, column + 1);
    }
    if (places.length > 0) lines[i + 1] = places;
  });
  return { files, lines };
}

/** Variable-length numbers in base 64, five bits at a time, the lowest of them the sign. */
function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}
