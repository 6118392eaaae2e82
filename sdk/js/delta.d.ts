import type { Batch, Field } from "wasm-sink";

/** A table of a Delta Lake; `capabilities = ["delta"]` in sink.toml. */
export class Table {
  private constructor();
  /**
   * `connection` is a role in `[sink]` ("default" is its `connection`); `name` is below the
   * connection's path, "" for the path itself. That there is no such table yet is no error.
   */
  static open(connection: string, name: string): Table;
  /** As committed, and what this instance has staged; null: there is no table yet. */
  fields(): Required<Field>[] | null;
  /** Makes the table. It is there with the same columns: no effect; with others: `invalid`. */
  create(fields: readonly Field[], options?: { partitionBy?: readonly string[] }): void;
  /** Adds nullable columns at the end. One that is there: no effect; with another type: `invalid`. */
  addColumns(fields: readonly Field[]): void;
  /** Makes the table where there is none, and adds the columns that it lacks. */
  ensure(fields: readonly Field[], options?: { partitionBy?: readonly string[] }): void;
  /** Stages rows. Columns go by name, and missing nullable ones are null; unknown ones are `invalid`. */
  append(rows: Batch): void;
  /** Rows from before this pipeline's first commit go with that commit. */
  overwrite(): void;
}
