import { Plan, reject, type Batch, type Sink } from "wasm-sink";
import { Service } from "wasm-sink/http";

/** As config.schema.json has it. */
interface Config {
  path: string;
  batch_rows?: number;
}

/** Posts orders to a web service, without the addresses of those who ordered. */
export default class Orders implements Sink {
  private readonly api = Service.open("default");
  private readonly path: string;
  private readonly atMost: number;

  // What the host does with an order.
  private readonly plan = new Plan()
    .metadata("partition")
    .metadata("offset")
    .column("order", { path: ["id"], type: "int64" })
    .column("at", { type: "utf8" })
    .column("country", { type: "utf8" })
    .column("email", { type: "utf8" })
    .column("amount", { type: "float64" });

  constructor({ path, batch_rows = 500 }: Config) {
    this.path = path;
    this.atMost = batch_rows;
  }

  write(rows: Batch): void {
    const shaped = this.plan.apply(rows);
    const amounts = shaped.column<number>("amount");
    const [negative, orders] = shaped.divide(amounts.map((amount) => amount !== null && amount < 0));
    reject(negative, "negative amount");
    this.api.deliver(orders, this.path, messages, { atMost: this.atMost });
  }
}

/** What is posted. An order that is posted again has the same `id`: it is where the order stands in the source. */
function messages(orders: Batch): object[] {
  const { partition, offset, order, at, country, email, amount } = orders.columns();
  return order.map((number, row) => ({
    id: `${partition[row]}-${offset[row]}`,
    order: number,
    at: at[row],
    country: country[row],
    email: masked(email[row]),
    amount: amount[row],
  }));
}

/** Keeps the first character of an address, and its domain. */
function masked(email: string | null): string | null {
  if (email === null) return null;
  const [name, domain] = email.split("@");
  return `${[...name][0] ?? ""}***@${domain ?? ""}`;
}
