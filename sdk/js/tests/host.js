// What QuickJS has and Node.js 20 has not.

const { parse } = JSON;

/** With what a number is written as, for a reviver. */
function parseWithSource(text, revive) {
  if (revive === undefined) return parse(text);
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (part) => (part[0] === '"' ? part : `"\\u0000${part}"`));
  return parse(marked, (key, value) => {
    if (typeof value !== "string" || value[0] !== "\0") return revive(key, value, {});
    const source = value.slice(1);
    return revive(key, Number(source), { source });
  });
}

if (parse("1", (_, value, context) => context?.source) === undefined) JSON.parse = parseWithSource;

Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, "base64"));
Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString("base64");
};
