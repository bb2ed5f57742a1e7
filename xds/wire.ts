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

/**
 * What to do with a field, by its tag; the reader stands at its value. Fields that are not here are skipped. Where messages
 * are read by the thousand, what is read goes `into` something, and the readers are made once.
 */
export type FieldReaders<Into = unknown> = Readonly<Record<number, (reader: protobuf.Reader, into: Into) => unknown>>;

/** @throws Error when the bytes are not a message. */
export function readFields(bytes: Uint8Array, fields: FieldReaders): void;
export function readFields<Into>(bytes: Uint8Array, fields: FieldReaders<Into>, into: Into): void;
export function readFields<Into>(bytes: Uint8Array, fields: FieldReaders<Into>, into?: Into): void {
  const reader = protobuf.Reader.create(bytes);
  readUntil(reader, reader.len, fields, into as Into);
}

/** For the value of a field that is a message itself. */
export function readNested(reader: protobuf.Reader, fields: FieldReaders): void {
  readUntil(reader, endOf(reader), fields, undefined);
}

/** Reads a length, and leaves the reader at what has it. */
function endOf(reader: protobuf.Reader): number {
  const length = reader.uint32();
  if (length > reader.len - reader.pos) throw new RangeError('a field is longer than its message');
  return reader.pos + length;
}

function readUntil<Into>(reader: protobuf.Reader, end: number, fields: FieldReaders<Into>, into: Into): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const read = fields[tag];
    if (read !== undefined) read(reader, into);
    else if (tag >>> 3 === 0) throw new RangeError('fields are numbered from 1');
    else reader.skipType(tag & 7);
  }
  if (reader.pos > end) throw new RangeError('a field is longer than its message');
}

/** protobufjs takes a string that is longer than its message for one that ends with it. */
export function readString(reader: protobuf.Reader): string {
  const end = endOf(reader);
  const text = asBuffer(reader.buf).toString('utf8', reader.pos, end);
  reader.pos = end;
  return text;
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
