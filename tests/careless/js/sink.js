// A sink with the mistakes that people make, one at a time: `wasm-sink test` has to find each.
//
// Rows have an `id` and a `name`. What is thrown is answered as an error, so that JavaScript panics
// only where its stack ends. Chance is no mistake here: the rows decide what Math.random gives.

import { Table } from "wasm-sink/delta";

export default class Careless {
  constructor({ mistake }) {
    this.table = Table.open("default", "t");
    this.mistake = mistakes[mistake];
    this.held = undefined;
    this.rows = 0;
  }

  write(rows) {
    return this.mistake(this, rows);
  }

  append(rows) {
    if (this.table.fields() === null) this.table.create(rows.fields);
    else this.table.addColumns(rows.fields);
    this.table.append(rows);
  }
}

const mistakes = {
  none: (sink, rows) => sink.append(rows),

  "swallows-errors": (sink, rows) => {
    try {
      sink.append(rows);
    } catch (error) {
      console.log(error);
    }
  },

  /** Looks for the cause of the cause, and takes an error without one for its own. */
  "panics-on-errors": (sink, rows) => {
    const root = (error) => root(error.cause ?? error);
    try {
      sink.append(rows);
    } catch (error) {
      throw root(error);
    }
  },

  /** The second half of each batch. */
  "loses-rows": (sink, rows) => sink.append(rows.slice(0, Math.floor(rows.rowCount / 2))),

  /** Holds the last batch back, and never lets go of it. */
  "forgets-flush": (sink, rows) => {
    if (sink.held !== undefined) sink.append(sink.held);
    sink.held = rows;
  },

  /** Across epochs. */
  "counts-rows": (sink, rows) => {
    const numbers = Array.from({ length: rows.rowCount }, () => sink.rows++);
    sink.append(rows.withColumn("number", "int64", numbers));
  },

  /** From one epoch to the next. */
  "keeps-batches": (sink, rows) => {
    if (sink.held !== undefined) sink.rows += sink.held.rowCount;
    sink.append(rows);
    sink.held ??= rows;
  },

  "panics-without-rows": (sink, rows) => {
    if (rows.rowCount === 0) throw new Error("there are rows");
    sink.append(rows);
  },

  /** Takes the next id where there is none, round and round where there is none at all. */
  "panics-on-nulls": (sink, rows) => {
    const ids = rows.field("id") === undefined ? [] : rows.column("id");
    const idOf = (row) => ids[row] ?? idOf((row + 1) % ids.length);
    ids.forEach((_, row) => idOf(row));
    sink.append(rows);
  },

  /** Looks for it behind the last one, too. */
  "needs-a-column": (sink, rows) => {
    const place = (name, at = 0) => (rows.fields[at]?.name === name ? at : place(name, at + 1));
    place("name");
    sink.append(rows);
  },

  /** Looks at each row once for each other row. */
  "is-slow": (sink, rows) => {
    const ids = rows.field("id") === undefined ? [] : rows.column("id");
    ids.forEach((id) => ids.filter((other) => other === id));
    sink.append(rows);
  },

  /** Never asks whether the table is there. */
  "makes-tables-blindly": (sink, rows) => {
    if (!sink.isMade) {
      sink.isMade = true;
      sink.table.create(rows.fields.slice(0, 1));
      sink.table.addColumns(rows.fields);
    }
    sink.table.append(rows);
  },

  /** On a row without a name. */
  raises: (sink, rows) => {
    const names = rows.column("name").map((name) => name.toUpperCase());
    sink.append(rows.withColumn("upper", "utf8", names));
  },

  "returns-nonsense": (sink, rows) => {
    sink.append(rows);
    return "done";
  },

  /** For nobody ever says that it is ready. */
  blocks: (sink, rows) => {
    while (!sink.isReady);
    sink.append(rows);
  },

  sleeps: (sink, rows) => {
    setTimeout(() => sink.append(rows), 60_000);
  },

  prints: (sink, rows) => {
    console.log("rows:", rows.rowCount);
    sink.append(rows);
  },

  "opens-a-socket": (sink, rows) => {
    fetch("http://localhost:8125", { method: "POST", body: "rows:1|c" });
    sink.append(rows);
  },

  "reads-the-clock": (sink, rows) => {
    const now = new Date();
    sink.append(rows.withColumn("at", "timestamp(us)", Array(rows.rowCount).fill(now)));
  },
};
