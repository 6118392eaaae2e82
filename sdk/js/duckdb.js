import host from "wasm-sink:duckdb/duckdb@0.1.0";
import { databaseTables } from "./src/tables.js";

export class Table extends databaseTables(host.Table) {}
