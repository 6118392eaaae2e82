import type { Batch, Field } from "wasm-sink";

/** A table of a DuckDB database; `capabilities = ["duckdb"]` in sink.toml. */
export class Table {
  private constructor();
  /**
   * `connection` is a role in `[sink]` ("default" is its `connection`); `name` is a table, or a
   * schema and a table: "sales.orders". That there is no such table yet is no error.
   */
  static open(connection: string, name: string): Table;
  /** As committed, and what this instance has staged; null: there is no table yet. */
  fields(): Required<Field>[] | null;
  /** Makes the table at once, without rows. It is there with these columns: no effect; with other types: `invalid`. */
  create(fields: readonly Field[]): void;
  /** Adds nullable columns at the end. One that is there: no effect; with another type: `invalid`. */
  addColumns(fields: readonly Field[]): void;
  /** Makes the table where there is none, and adds the columns that it lacks. */
  ensure(fields: readonly Field[]): void;
  /** Gives columns types that take the values of these fields as well, where there are such types. */
  widenColumns(fields: readonly Field[]): void;
  /**
   * From now on a row takes the place of the one with the same values in these columns; of several
   * in an epoch the last stays.
   */
  upsertBy(keys: readonly string[]): void;
  /** Stages rows. Columns go by name, and missing ones get what the database has as their default. */
  append(rows: Batch): void;
  /** Rows from before this pipeline's first commit go with that commit. */
  overwrite(): void;
}
