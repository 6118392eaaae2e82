import { commitWithin, reject, type Batch, type Problem, type Sink } from "wasm-sink";
import { Table } from "wasm-sink/delta";

/** As config.schema.json has it. */
interface Config {
  table_name: string;
  minimum?: number;
}

const NUMBER = /^(u?int|float)\d+$/;

/** Sorts rows by the size of their amount, and refuses those below a minimum. */
export default class MySink implements Sink {
  private readonly table: Table;
  private readonly minimum: number;

  /** What config.schema.json cannot say. */
  static validate(config: Config): Problem[] {
    if (!config.table_name.startsWith(".")) return [];
    return [{ path: ["table_name"], message: "begins with a dot", help: "name a folder that is not hidden" }];
  }

  constructor({ table_name, minimum = 0 }: Config) {
    this.table = Table.open("default", table_name);
    this.minimum = minimum;
  }

  write(rows: Batch): void {
    commitWithin(1000);

    const type = rows.field("amount")?.dataType;
    if (type === undefined) return reject(rows, "there is no column amount");
    if (!NUMBER.test(type)) return reject(rows, `the column amount is ${type}, no number`);

    const amounts = rows.column<number>("amount");
    const isTooLow = amounts.map((amount) => amount !== null && amount < this.minimum);
    const [tooLow, good] = rows.divide(isTooLow);
    reject(tooLow, "amount below the minimum");

    const sizes = amounts.filter((_, row) => !isTooLow[row]).map(size);
    const sized = good.withColumn("size", "utf8", sizes);
    this.table.ensure(sized.fields);
    this.table.append(sized);
  }

  /** Stages what `write` has held back, before the host commits; nothing here. */
  flush(): void {}
}

function size(amount: number | null): string | null {
  if (amount === null) return null;
  if (amount < 100) return "small";
  return amount < 500 ? "medium" : "large";
}
