// Where something was thrown, in the user's own files: the build puts a table behind the bundle that
// says which of its lines are from where.

/** "  at write (sink.ts:14:9)" lines. */
export function stackOf(error) {
  const lines = String(error?.stack ?? "").split("\n");
  return lines.map(placed).filter((line) => line !== undefined).join("\n");
}

function placed(line) {
  const found = /^\s*at (?:(.*?) \()?(.*?):(\d+)(?::(\d+))?\)?$/.exec(line);
  if (found === null) return undefined;
  const [, name, , row, column = "1"] = found;
  const place = source(Number(row), Number(column));
  if (place === undefined) return undefined;
  return `    at ${name && name !== "<anonymous>" ? `${name} (${place})` : place}`;
}

let table;

// { files: [name], lines: { line of the bundle: [column, file, line, column, …] } }
function source(row, column) {
  table ??= JSON.parse(globalThis.__wasmSinkSources ?? '{ "lines": {} }');
  const line = table.lines[row];
  if (line === undefined) return undefined;
  let at = 0;
  while (at + 4 < line.length && line[at + 4] < column) at += 4;
  return `${table.files[line[at + 1]]}:${line[at + 2]}:${line[at + 3]}`;
}
