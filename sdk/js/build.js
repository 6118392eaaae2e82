// Makes the component of a project: node build/sdk/build.js sink.ts build/my-sink.wasm
//
// Bundles the sink with this SDK (esbuild), and puts it into QuickJS (componentize-qjs). Expects the
// contract in build/wit, as `wasm-sink build` writes it.

import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { absence, NETWORK, opensSockets } from "./src/absent.js";
import { sourceTable } from "./src/build/sources.js";

const WIT = "build/wit";
const SCHEMA = "config.schema.json";
const SDK = dirname(fileURLToPath(import.meta.url));

class Mistake extends Error {}

async function main([file, output]) {
  if (file === undefined || output === undefined) throw new Mistake("usage: build.js <sink.js or sink.ts> <component.wasm>");
  await access(file).catch(() => {
    throw new Mistake(`there is no file ${file}`);
  });
  const [esbuild, { componentize }] = await tools();
  const { code, map } = await bundle(esbuild, file);
  const table = JSON.stringify(sourceTable(map, named));
  // As text: it takes less room, and is read only where something was thrown.
  const source = `${code}\nglobalThis.__wasmSinkSources = ${JSON.stringify(table)};\n`;
  const made = await componentize({ witPath: WIT, world: "sink", jsSource: source, stubWasi: true, sync: true }).catch(
    (error) => {
      throw new Mistake(evaluated(String(error?.message ?? error), JSON.parse(table)));
    },
  );
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, made.component);
}

async function tools() {
  try {
    return await Promise.all([import("esbuild"), import("componentize-qjs")]);
  } catch (error) {
    throw new Mistake(`the tools are missing (${error.message.split("\n", 1)}); run: npm install`);
  }
}

async function bundle(esbuild, file) {
  const schema = await configSchema();
  const entry = `
    import { component } from "wasm-sink/component";
    import Sink from ${JSON.stringify(`./${file}`)};
    export const sink = component(Sink, ${JSON.stringify(schema)}, ${JSON.stringify(file)});
  `;
  try {
    const { outputFiles } = await esbuild.build({
      stdin: { contents: entry, resolveDir: process.cwd(), sourcefile: "wasm-sink-entry.js" },
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import", "module", "default"],
      target: "es2023",
      outfile: "sink.bundle.js",
      sourcemap: "external",
      sourcesContent: false,
      write: false,
      plugins: [capabilities(await readFile(`${WIT}/world.wit`, "utf8"))],
      logLevel: "silent",
    });
    const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text;
    return { code: text(".js"), map: JSON.parse(text(".map")) };
  } catch (error) {
    if (error.errors === undefined) throw error;
    if (error.errors.some(({ text }) => text.includes('for import "default"'))) {
      throw new Mistake(`${file} has no default export; write: export default class MySink { write(rows) { … } }`);
    }
    const messages = await esbuild.formatMessages(error.errors.map(inPlainWords), { kind: "error", color: process.stderr.isTTY });
    throw new Mistake(messages.join("").trimEnd());
  }
}

/** esbuild's advice is for bundles that run elsewhere. */
function inPlainWords(error) {
  const [, name] = /^Could not resolve "(.*)"/.exec(error.text) ?? [];
  if (name === undefined || name.startsWith(".")) return error;
  const network = opensSockets(name) ? `; ${NETWORK}` : "";
  const text = isBuiltin(name)
    ? `"${name}" is part of Node.js, which is not there where a sink runs${network}`
    : `there is no package "${name}"; run: npm install ${name}`;
  return { ...error, text, notes: [] };
}

async function configSchema() {
  const text = await readFile(SCHEMA, "utf8").catch(() => "");
  try {
    return text === "" ? "" : JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Mistake(`${SCHEMA}: ${error.message}`);
  }
}

/** What the host gives is outside of the bundle, as far as sink.toml names it. */
function capabilities(world) {
  const named = [...world.matchAll(/import wasm-sink:(\w+)\//g)].map(([, name]) => name);
  return {
    name: "capabilities",
    setup(build) {
      build.onResolve({ filter: /^wasm-sink:/ }, ({ path }) => {
        const [, name] = /^wasm-sink:(\w+)\//.exec(path);
        if (name === "sink" || named.includes(name)) return { path, external: true };
        const needed = JSON.stringify([...named, name]);
        return { errors: [{ text: `"wasm-sink/${name}" is imported, and sink.toml does not name it: capabilities = ${needed}` }] };
      });
    },
  };
}

/** How a source is called in a stack trace; undefined for what is not the user's. */
function named(source) {
  const path = resolve(source);
  if (path.startsWith(SDK + sep) || /node_modules|wasm-sink-entry\.js$/.test(source)) return undefined;
  return relative(process.cwd(), path).split(sep).join("/");
}

/** What went wrong while the sink's files were run for the first time. */
function evaluated(message, { files, lines }) {
  if (/unknown import: `wasm-sink/.test(message)) {
    return "the sink calls the host while it is built: a table, a plan or a line of the log belongs into a method";
  }
  const [, said] = message.split("module evaluation: ");
  if (said === undefined) return message;
  const placed = said.split("\n").map((text) => {
    const [place, line] = /[^\s(]*user\.js:(\d+):\d+/.exec(text) ?? [];
    if (place === undefined) return text;
    const [, file, row] = lines[line] ?? [];
    return file === undefined ? undefined : text.replace(place, `${files[file]}:${row}`);
  });
  const [first, ...rest] = placed.filter((text) => text !== undefined);
  const absent = absence(first.replace(/^Error: /, "").trim());
  return [absent === undefined ? first : `${first}: ${absent}`, ...rest].join("\n").trim();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Mistake)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
