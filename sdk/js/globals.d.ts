/** What there is besides the language itself; there is neither Node.js nor a browser. */

declare const console: {
  debug(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  dir(value: unknown): void;
  table(value: unknown): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  assert(condition: unknown, ...values: unknown[]): void;
};

/** UTF-8. */
declare class TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
}

/** UTF-8; U+FFFD stands for bytes that are none, which are a TypeError where it is `fatal`. */
declare class TextDecoder {
  constructor(label?: "utf-8" | "utf8", options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}

declare function atob(base64: string): string;
declare function btoa(latin: string): string;
declare function structuredClone<Value>(value: Value): Value;
declare function queueMicrotask(run: () => void): void;
