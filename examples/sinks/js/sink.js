import { Plan, reject } from "wasm-sink";
import { Table } from "wasm-sink/delta";

const REGIONS = {
  EU: ["DE", "ES", "FR", "IT", "NL"],
  NA: ["CA", "MX", "US"],
  APAC: ["AU", "IN", "JP", "SG"],
};

/** Appends orders to a Delta table that is divided by day. */
export default class Orders {
  constructor({ table_name }) {
    this.table = Table.open("default", table_name);
    // What the host does with an order. Its columns are those of the table, in their order: the
    // region is the country until it is computed.
    this.plan = new Plan()
      .column("id", { type: "int64" })
      .column("at", { type: "timestamp(us,+00:00)" })
      .column("day", { path: ["at"], type: "date32" })
      .column("country", { type: "utf8" })
      .column("region", { path: ["country"], type: "utf8" })
      .column("email", { type: "utf8" })
      .column("amount", { type: "float64" });
  }

  /** @param {import("wasm-sink").Batch} rows */
  write(rows) {
    const shaped = this.plan.apply(rows);
    const { country, email, amount } = shaped.columns(["country", "email", "amount"]);
    const finished = shaped.withColumns({
      region: { type: "utf8", values: country.map(regionOf) },
      email: { type: "utf8", values: email.map(masked) },
    });

    const [negative, orders] = finished.divide(amount.map((amount) => amount !== null && amount < 0));
    reject(negative, "negative amount");
    this.table.ensure(orders.fields, { partitionBy: ["day"] });
    this.table.append(orders);
  }
}

const regions = new Map(Object.entries(REGIONS).flatMap(([region, countries]) => countries.map((country) => [country, region])));

function regionOf(country) {
  return regions.get(country) ?? "other";
}

/** Keeps the first character of an address, and its domain. */
function masked(email) {
  if (email === null) return null;
  const [name, domain] = email.split("@");
  return `${[...name][0] ?? ""}***@${domain ?? ""}`;
}
