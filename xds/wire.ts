/** The little of protobuf's wire format that is read and written here by hand. */
import protobuf from 'protobufjs/minimal.js';

/** What stands before a field that is a string, bytes or a message: its number, and that a length follows. */
export function bytesTag(field: number): number {
  return (field << 3) | 2;
}

/** What stands before a number, an enum or a boolean. */
export function varintTag(field: number): number {
  return field << 3;
}

/** What to do with a field, by its tag; the reader stands at its value. Fields that are not here are skipped. */
export type FieldReaders = Readonly<Record<number, (reader: protobuf.Reader) => unknown>>;

/** @throws Error when the bytes are not a message. */
export function readFields(bytes: Uint8Array, fields: FieldReaders): void {
  const reader = protobuf.Reader.create(bytes);
  readUntil(reader, reader.len, fields);
}

/** For the value of a field that is a message itself. */
export function readNested(reader: protobuf.Reader, fields: FieldReaders): void {
  const length = reader.uint32();
  if (length > reader.len - reader.pos) throw new RangeError('a field is longer than its message');
  readUntil(reader, reader.pos + length, fields);
}

function readUntil(reader: protobuf.Reader, end: number, fields: FieldReaders): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const read = fields[tag];
    if (read !== undefined) read(reader);
    else if (tag >>> 3 === 0) throw new RangeError('fields are numbered from 1');
    else reader.skipType(tag & 7);
  }
  if (reader.pos > end) throw new RangeError('a field is longer than its message');
}

/** protobufjs takes a string that is longer than its message for one that ends with it. */
export function readString(reader: protobuf.Reader): string {
  return asBuffer(reader.bytes()).toString();
}

/**
 * A string that may be of any length, without its middle if it is too long: what an Envoy has against an assignment
 * stands after all of the assignment. Decoded in pieces, because a piece of a string keeps all of it alive.
 */
export function readClipped(reader: protobuf.Reader, maxBytes: number): string {
  const bytes = asBuffer(reader.bytes());
  if (bytes.length <= maxBytes) return bytes.toString();
  const half = Math.floor(maxBytes / 2);
  return `${bytes.toString('utf8', 0, half)} ... ${bytes.toString('utf8', bytes.length - half)}`;
}

/** Without a copy. gRPC's server needs a Buffer where protobuf promises only bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
