// UTF-8 without a TextDecoder, which QuickJS lacks. Its built-in functions are some fifty times as
// fast as a loop, so that whole buffers go through base64 into a string of one byte per character.

/** A string with one character for each byte. */
export function latin(bytes) {
  return atob(bytes.toBase64());
}

export function fromLatin(text) {
  return Uint8Array.fromBase64(btoa(text));
}

export function isAscii(bytes) {
  const head = Math.min((4 - (bytes.byteOffset & 3)) & 3, bytes.length);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + head, (bytes.length - head) >> 2);
  const eights = words.length & ~7;
  let seen = 0;
  for (let i = 0; i < eights; i += 8) {
    seen |= words[i] | words[i + 1] | words[i + 2] | words[i + 3];
    seen |= words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];
  }
  let rest = 0;
  for (let i = 0; i < head; i++) rest |= bytes[i];
  for (let i = head + 4 * eights; i < bytes.length; i++) rest |= bytes[i];
  return (seen & 0x80808080) === 0 && (rest & 0x80) === 0;
}

const BEYOND_ASCII = /[\x80-\xff]/;

/** The text whose UTF-8 bytes are these characters. */
export function decoded(latin) {
  return BEYOND_ASCII.test(latin) ? decodeURIComponent(escape(latin)) : latin;
}

/** The UTF-8 bytes of a text, one in each character. */
export function encoded(text) {
  return unescape(encodeURIComponent(text));
}
