// What stands between the contract's exports and the class that a sink is.

import { seedChance } from "./surroundings.js";
import { absence } from "./absent.js";
import { Batch, endEpoch } from "./batch.js";
import { isMisuse, misuse, shown, sinkErrorIn } from "./errors.js";
import { log } from "./log.js";
import { stackOf } from "./stack.js";

/** The exported interface for a class, with the text of its config.schema.json. */
export function component(Sink, schema, file) {
  if (typeof Sink !== "function") {
    throw new TypeError(`${file}: \`export default\` a class with a method \`write(rows)\`, not ${shown(Sink)}`);
  }
  if (typeof Sink.prototype?.write !== "function") {
    throw new TypeError(`${file}: the class ${Sink.name} needs a method \`write(rows)\``);
  }
  let sink;

  const opened = () => sink ?? failed(misuse("the sink was called before `open`"));
  const method = (name) => `\`${name}\` of ${Sink.name || "the class"} (${file})`;
  const failed = (error) => {
    throw error;
  };

  return {
    configSchema: () => schema,

    validate(config) {
      try {
        return problems(Sink.validate?.(parsed(config)));
      } catch (error) {
        const { message } = answer(error, "other");
        return [{ path: [], message, help: null }];
      }
    },

    open: guarded("other", (config) => {
      sink = new Sink(parsed(config));
    }),

    write: guarded("rejected", (handle) => {
      seedChance(() => JSON.stringify(handle.origin()));
      nothing(opened().write(new Batch(handle)), method("write"));
    }),

    flush: guarded("other", () => {
      nothing(opened().flush?.(), method("flush"));
      endEpoch();
    }),
  };
}

/** What is thrown becomes an error of the contract, with this kind where it has none. */
function guarded(kind, call) {
  return (argument) => {
    try {
      call(argument);
    } catch (error) {
      throw answer(error, kind);
    }
  };
}

function answer(thrown, kind) {
  const known = sinkErrorIn(thrown);
  const stack = stackOf(thrown);
  if (known === undefined) {
    const absent = thrown instanceof ReferenceError ? absence(thrown.message) : undefined;
    const said = explained(thrown, absent);
    return contractError(absent === undefined ? kind : "invalid", stack === "" ? said : `${said}\n${stack}`);
  }
  const message = known === thrown ? known.message : `${thrown.message}: ${known.message}`;
  if (isMisuse(known)) return contractError(known.kind, stack === "" ? message : `${message}\n${stack}`);
  // What the host said, or the sink itself, is passed on as it is.
  if (stack !== "") log.debug(`${message}\n${stack}`);
  return contractError(known.kind, message, known.retryAfterMs);
}

function explained(thrown, absent) {
  if (!(thrown instanceof Error)) return `${shown(thrown)} was thrown: throw an Error, which knows the line that it is from`;
  return absent === undefined ? `${thrown}` : `${thrown}: ${absent}`;
}

function contractError(kind, message, retryAfterMs = null) {
  const isWait = kind === "throttled" && retryAfterMs !== null;
  const wait = isWait ? Math.min(Math.max(Math.ceil(retryAfterMs) || 0, 0), 0xffff_ffff) : null;
  return { kind, message: String(message).toWellFormed(), retryAfterMs: wait };
}

function parsed(config) {
  try {
    return JSON.parse(config);
  } catch (error) {
    throw misuse(`the configuration is no JSON: ${error.message}`);
  }
}

function nothing(value, name) {
  if (value === undefined) return;
  if (typeof value?.then === "function") {
    throw misuse(`${name} is async, and a sink runs from call to call: take away \`async\` and \`await\``);
  }
  throw misuse(
    `${name} returned ${shown(value)}, which nobody takes: stage rows with a table's \`append\`, ` +
      "refuse them with `reject`, or leave them out with `skip`",
  );
}

function problems(found) {
  if (found === undefined || found === null) return [];
  if (!Array.isArray(found)) throw misuse(`\`validate\` returns an array of { path, message, help }, not ${shown(found)}`);
  return found.map((problem) => {
    if (typeof problem?.message !== "string") {
      throw misuse(`\`validate\`: a problem is { path, message, help }, not ${shown(problem)}`);
    }
    const path = Array.isArray(problem.path) ? problem.path : problem.path === undefined ? [] : [problem.path];
    const help = problem.help === undefined ? null : String(problem.help);
    return { path: path.map(String), message: problem.message, help };
  });
}
