// The part of FlatBuffers that Arrow's messages need. Every read is within the bytes: a DataView
// throws a RangeError beyond its end.

/** A table at a place in a view, whose fields are asked for by their number. */
export class Table {
  constructor(view, at) {
    this.view = view;
    this.at = at;
    this.vtable = at - view.getInt32(at, true);
    this.size = view.getUint16(this.vtable, true);
  }

  static root(view, at) {
    return new Table(view, at + view.getUint32(at, true));
  }

  place(field) {
    const slot = 4 + 2 * field;
    const offset = slot < this.size ? this.view.getUint16(this.vtable + slot, true) : 0;
    return offset === 0 ? 0 : this.at + offset;
  }

  byte(field, otherwise = 0) {
    const at = this.place(field);
    return at === 0 ? otherwise : this.view.getUint8(at);
  }

  short(field, otherwise = 0) {
    const at = this.place(field);
    return at === 0 ? otherwise : this.view.getInt16(at, true);
  }

  int(field, otherwise = 0) {
    const at = this.place(field);
    return at === 0 ? otherwise : this.view.getInt32(at, true);
  }

  long(field) {
    const at = this.place(field);
    return at === 0 ? 0 : long(this.view, at);
  }

  table(field) {
    const at = this.place(field);
    return at === 0 ? undefined : new Table(this.view, at + this.view.getUint32(at, true));
  }

  /** Where the items of a vector begin, and how many there are. */
  vector(field) {
    const at = this.place(field);
    if (at === 0) return { at: 0, length: 0 };
    const start = at + this.view.getUint32(at, true);
    return { at: start + 4, length: this.view.getUint32(start, true) };
  }

  tables(field) {
    const { at, length } = this.vector(field);
    if (at + 4 * length > this.view.byteLength) throw new RangeError("a vector ends beyond its message");
    return Array.from({ length }, (_, i) => new Table(this.view, at + 4 * i + this.view.getUint32(at + 4 * i, true)));
  }

  /** The bytes of a text. */
  bytes(field) {
    const { at, length } = this.vector(field);
    return new Uint8Array(this.view.buffer, this.view.byteOffset + at, length);
  }
}

export function long(view, at) {
  const value = Number(view.getBigInt64(at, true));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError("a length that cannot be");
}

/**
 * Writes a message from its end to its beginning, as FlatBuffers are: what is referred to comes
 * first. Places are counted from the end.
 */
export class Builder {
  constructor() {
    this.bytes = new Uint8Array(1024);
    this.view = new DataView(this.bytes.buffer);
    this.used = 0;
  }

  /** Room for so many bytes, which end at a multiple of `align` (counted from the end). */
  room(size, align) {
    const padding = (align - ((this.used + size) % align)) % align;
    while (this.used + padding + size > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes, this.bytes.length);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.used += padding + size;
    return this.bytes.length - this.used;
  }

  text(latin) {
    const at = this.room(4 + latin.length + 1, 4);
    this.view.setUint32(at, latin.length, true);
    for (let i = 0; i < latin.length; i++) this.bytes[at + 4 + i] = latin.charCodeAt(i);
    return this.used;
  }

  offsets(places) {
    const at = this.room(4 + 4 * places.length, 4);
    this.view.setUint32(at, places.length, true);
    places.forEach((place, i) => {
      const slot = 4 + 4 * i;
      this.view.setUint32(at + slot, this.used - slot - place, true);
    });
    return this.used;
  }

  /** A vector of structs of two longs. */
  pairs(pairs) {
    const body = 16 * pairs.length;
    this.room(0, 8);
    const at = this.room(body, 8);
    pairs.forEach(([first, second], i) => {
      this.view.setBigInt64(at + 16 * i, BigInt(first), true);
      this.view.setBigInt64(at + 16 * i + 8, BigInt(second), true);
    });
    this.view.setUint32(this.room(4, 4), pairs.length, true);
    return this.used;
  }

  /** A table of [field, size, value]; the size "offset" refers to a place. */
  table(fields) {
    const slots = [];
    let size = 4;
    for (const [field, kind, value] of fields.toSorted((a, b) => width(b[1]) - width(a[1]))) {
      const bytes = width(kind);
      size = Math.ceil(size / bytes) * bytes;
      slots.push({ field, kind, value, at: size });
      size += bytes;
    }
    size = Math.ceil(size / 4) * 4;
    const at = this.room(size, 8);
    for (const { kind, value, at: slot } of slots) {
      if (kind === "offset") this.view.setUint32(at + slot, this.used - slot - value, true);
      else if (kind === 8) this.view.setBigInt64(at + slot, BigInt(value), true);
      else if (kind === 4) this.view.setInt32(at + slot, value, true);
      else if (kind === 2) this.view.setInt16(at + slot, value, true);
      else this.view.setUint8(at + slot, value);
    }
    const place = this.used;
    const last = Math.max(-1, ...slots.map((slot) => slot.field));
    const vtable = this.room(4 + 2 * (last + 1), 2);
    this.view.setUint16(vtable, 4 + 2 * (last + 1), true);
    this.view.setUint16(vtable + 2, size, true);
    for (const slot of slots) this.view.setUint16(vtable + 4 + 2 * slot.field, slot.at, true);
    this.view.setInt32(this.bytes.length - place, this.used - place, true);
    return place;
  }

  finish(root) {
    const at = this.room(4, 8);
    this.view.setUint32(at, this.used - root, true);
    return this.bytes.slice(at);
  }
}

const width = (kind) => (kind === "offset" ? 4 : kind);
