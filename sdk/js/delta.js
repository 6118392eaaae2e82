import host from "wasm-sink:delta/delta@0.1.0";
import * as check from "./src/arguments.js";
import { ask } from "./src/errors.js";
import { tables } from "./src/tables.js";

const Base = tables(host.Table);

export class Table extends Base {
  create(fields, { partitionBy = [] } = {}) {
    const columns = check.fields(fields, "create");
    const names = check.texts(partitionBy, "the columns of partitionBy");
    ask(() => Base.handle(this).create(columns, names));
  }
}
