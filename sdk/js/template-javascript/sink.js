import { commitWithin, reject } from "wasm-sink";
import { Table } from "wasm-sink/delta";

const NUMBER = /^(u?int|float)\d+$/;

/** Sorts rows by the size of their amount, and refuses those below a minimum. */
export default class MySink {
  /** What config.schema.json cannot say. */
  static validate(config) {
    if (!config.table_name.startsWith(".")) return [];
    return [{ path: ["table_name"], message: "begins with a dot", help: "name a folder that is not hidden" }];
  }

  constructor({ table_name, minimum = 0 }) {
    this.table = Table.open("default", table_name);
    this.minimum = minimum;
  }

  /** @param {import("wasm-sink").Batch} rows */
  write(rows) {
    commitWithin(1000);

    const type = rows.field("amount")?.dataType;
    if (type === undefined) return reject(rows, "there is no column amount");
    if (!NUMBER.test(type)) return reject(rows, `the column amount is ${type}, no number`);

    const amounts = rows.column("amount");
    const isTooLow = amounts.map((amount) => amount !== null && amount < this.minimum);
    const [tooLow, good] = rows.divide(isTooLow);
    reject(tooLow, "amount below the minimum");

    const sizes = amounts.filter((_, row) => !isTooLow[row]).map(size);
    const sized = good.withColumn("size", "utf8", sizes);
    this.table.ensure(sized.fields);
    this.table.append(sized);
  }

  /** Stages what `write` has held back, before the host commits; nothing here. */
  flush() {}
}

function size(amount) {
  if (amount === null) return null;
  if (amount < 100) return "small";
  return amount < 500 ? "medium" : "large";
}
