// The contract's interfaces for modules that import them: each is what `globalThis.fakeHost` has under its name when it
// is first imported.

import { register } from "node:module";

const hooks = `
  export async function resolve(name, context, next) {
    return name.startsWith("wasm-sink:") ? { url: name, shortCircuit: true } : next(name, context);
  }
  export async function load(url, context, next) {
    if (!url.startsWith("wasm-sink:")) return next(url, context);
    const [, name] = url.split(/[/@]/);
    const source = "export default globalThis.fakeHost." + name.replaceAll("-", "_");
    return { format: "module", source, shortCircuit: true };
  }
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
