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

/** The text whose UTF-8 bytes are these characters; a URIError where they are none. */
export function decoded(latin) {
  return BEYOND_ASCII.test(latin) ? decodeURIComponent(escape(latin)) : latin;
}

/** A character in UTF-8. */
const WHOLE = [
  "[\\x00-\\x7f]+",
  "[\\xc2-\\xdf][\\x80-\\xbf]",
  "\\xe0[\\xa0-\\xbf][\\x80-\\xbf]",
  "\\xed[\\x80-\\x9f][\\x80-\\xbf]",
  "[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}",
  "\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}",
  "[\\xf1-\\xf3][\\x80-\\xbf]{3}",
  "\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}",
].join("|");
/** What begins as one and breaks off, or is none: one U+FFFD, as everywhere on the web. */
const BROKEN = [
  "\\xe0[\\xa0-\\xbf]",
  "\\xed[\\x80-\\x9f]",
  "[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]",
  "\\xf0[\\x90-\\xbf][\\x80-\\xbf]?",
  "[\\xf1-\\xf3][\\x80-\\xbf]{1,2}",
  "\\xf4[\\x80-\\x8f][\\x80-\\xbf]?",
  "[^]",
].join("|");
const CHARACTER = new RegExp(`(${WHOLE})|${BROKEN}`, "g");

/** As `decoded`, with U+FFFD in the place of what is no UTF-8. */
export function lossy(latin) {
  try {
    return decoded(latin);
  } catch {
    return latin.replace(CHARACTER, (_, character) => (character === undefined ? "\ufffd" : decoded(character)));
  }
}

/** The UTF-8 bytes of a text, one in each character. */
export function encoded(text) {
  return unescape(encodeURIComponent(text));
}
