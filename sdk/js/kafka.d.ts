import type { Batch } from "wasm-sink";

/** A topic of a Kafka cluster; `capabilities = ["kafka"]` in sink.toml. */
export class Topic {
  private constructor();
  /** `connection` is a role in `[sink]` ("default" is its `connection`). A missing topic is made. */
  static open(connection: string, name: string): Topic;
  /** How rows become values: as JSON unless said; with Avro by the registry; one column as it is. */
  encodeAs(encoding: "json" | "avro" | "plain"): this;
  /** What a column is for, and whether it is part of the value as well; it is not unless said. */
  assign(role: "key" | "timestamp" | "headers" | "partition" | "value", column: string, share?: "only" | "also"): this;
  /** Columns that are in no value. */
  leaveOut(columns: readonly string[]): this;
  /** The key from several columns, which stay in the value: "{region}-{id}"; "{{" is a brace. */
  keyFrom(template: string): this;
  /** Which partition a record goes to that names none; `murmur2` unless said. */
  partitionBy(partitioner: "murmur2" | "crc32" | "fnv1a" | "random"): this;
  /** Stages rows as records. */
  append(rows: Batch): void;
}
