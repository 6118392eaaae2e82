// What the tables of all capabilities have in common.

import * as check from "./arguments.js";
import { Batch } from "./batch.js";
import { ask, misuse } from "./errors.js";

/** A class around the host's tables. */
export function tables(Host) {
  return class Table {
    #handle;

    constructor(handle) {
      if (!(handle instanceof Host)) throw misuse("a table is not made with `new`: use Table.open(connection, name)");
      this.#handle = handle;
    }

    static open(connection, name) {
      check.text(connection, "open: the connection's role");
      check.text(name, "open: the table's name");
      return new this(ask(() => Host.open(connection, name)));
    }

    static handle(table) {
      return table.#handle;
    }

    fields() {
      return ask(() => this.#handle.fields()) ?? null;
    }

    addColumns(fields) {
      const columns = check.fields(fields, "addColumns");
      ask(() => this.#handle.addColumns(columns));
    }

    ensure(fields, options) {
      if (this.fields() === null) this.create(fields, options);
      else this.addColumns(fields);
    }

    append(rows) {
      const batch = Batch.handle(rows, "append");
      ask(() => this.#handle.append(batch));
    }

    overwrite() {
      ask(() => this.#handle.overwrite());
    }
  };
}

/** A class around the tables of a database. */
export function databaseTables(Host) {
  const Base = tables(Host);
  return class Table extends Base {
    create(fields) {
      const columns = check.fields(fields, "create");
      ask(() => Base.handle(this).create(columns));
    }

    widenColumns(fields) {
      const columns = check.fields(fields, "widenColumns");
      ask(() => Base.handle(this).widenColumns(columns));
    }

    upsertBy(keys) {
      const names = check.texts(keys, "the keys");
      ask(() => Base.handle(this).upsertBy(names));
    }
  };
}
