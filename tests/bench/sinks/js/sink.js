import { Plan, skip } from "wasm-sink";

const REGIONS = {
  EU: ["DE", "ES", "FR", "IT", "NL"],
  NA: ["CA", "MX", "US"],
  APAC: ["AU", "IN", "JP", "SG"],
};

/** The generator has no negative amounts; one order in a hundred is below this. */
const MINIMUM = 10;

/** Orders with their region, and without the names of those who ordered: work by handle, on columns, on records. */
export default class Orders {
  constructor({ work }) {
    this.work = work;
    this.keep = new Uint8Array();
    // What the host does with an order: the region is the country until it is computed.
    this.plan = new Plan()
      .column("id", { type: "utf8" })
      .column("at", { type: "timestamp(us,+00:00)" })
      .column("day", { path: ["at"], type: "date32" })
      .column("country", { path: ["detail", "country"], type: "utf8" })
      .column("region", { path: ["detail", "country"], type: "utf8" })
      .column("user", { type: "utf8" })
      .column("amount", { type: "float64" });
  }

  /** @param {import("wasm-sink").Batch} rows */
  write(rows) {
    const shaped = this.plan.apply(rows);
    if (this.work === "handle") this.byHandle(shaped);
    else finish(shaped, this.work === "columns" ? byColumns(shaped) : byRows(shaped));
  }

  /** All but each tenth row, and half of those. */
  byHandle(shaped) {
    const rows = shaped.rowCount;
    if (this.keep.length !== rows) this.keep = Uint8Array.from({ length: rows }, (_, row) => (row % 10 === 0 ? 0 : 1));
    const kept = shaped.filter(this.keep);
    kept.slice(0, Math.floor(kept.rowCount / 2));
    skip(rows, "measured");
  }
}

function byColumns(shaped) {
  const { country, user, amount } = shaped.columns(["country", "user", "amount"]);
  return {
    regions: country.map(regionOf),
    users: user.map(masked),
    isSmall: amount.map((amount) => amount !== null && amount < MINIMUM),
  };
}

/** A null is left out of a record. */
function byRows(shaped) {
  const regions = [];
  const users = [];
  const isSmall = [];
  for (const { country = null, user = null, amount = null } of shaped.records()) {
    regions.push(regionOf(country));
    users.push(masked(user));
    isSmall.push(amount !== null && amount < MINIMUM);
  }
  return { regions, users, isSmall };
}

/** Puts it back, and divides small orders from the others. */
function finish(shaped, { regions, users, isSmall }) {
  const finished = shaped.withColumns({
    region: { type: "utf8", values: regions },
    user: { type: "utf8", values: users },
  });
  const [small, others] = finished.divide(isSmall);
  skip(small, "a small amount");
  skip(others, "measured");
}

const regions = new Map(Object.entries(REGIONS).flatMap(([region, countries]) => countries.map((country) => [country, region])));

function regionOf(country) {
  return regions.get(country) ?? "other";
}

/** Keeps the first character of the name, and the number. */
function masked(user) {
  if (user === null) return null;
  const [name, number] = user.split("-");
  return `${[...name][0] ?? ""}***-${number ?? ""}`;
}
