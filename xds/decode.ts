/**
 * Requests, from their bytes. Read by hand, because an Envoy describes itself at length in the first message of each of
 * its streams (46 kB, most of it the list of its extensions): skipping what nobody uses makes ten thousand reconnecting
 * streams eight times cheaper to read, and bounds are checked before anything is kept.
 */
import type protobuf from 'protobufjs/minimal.js';
import type { XdsLimits } from './limits.ts';
import { malformed, RequestRefused, tooMuch } from './refusal.ts';
import { bytesTag, type FieldReaders, readClipped, readFields, readNested, readString, varintTag } from './wire.ts';

/** Who asks, in its own words; whatever it left out is empty. */
export interface Node {
  readonly id: string;
  readonly cluster: string;
  readonly zone: string;
  readonly subZone: string;
  readonly userAgentName: string;
  /** `1.40.0`. */
  readonly userAgentVersion: string;
}

interface CommonRequest {
  /** Absent on all but the first message of most streams. */
  readonly node?: Node;
  /** Empty where the method implies it. */
  readonly typeUrl: string;
  /** Of the response this is the answer to; empty when it is none. */
  readonly nonce: string;
  /** There only if that response was refused. */
  readonly error?: { readonly code: number; readonly message: string };
}

/** DiscoveryRequest. */
export interface SotwRequest extends CommonRequest {
  /** All names it wants now. */
  readonly names: readonly string[];
}

/** DeltaDiscoveryRequest. */
export interface DeltaRequest extends CommonRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What it still has from an earlier stream, with versions. */
  readonly known: ReadonlyMap<string, string>;
}

export type DecodeLimits = Pick<XdsLimits, 'maxNamesPerStream' | 'maxNameLength'>;

/** @throws RequestRefused for what is no DiscoveryRequest, or is beyond the limits. */
export function decodeSotwRequest(bytes: Uint8Array, limits: DecodeLimits): SotwRequest {
  const request: Draft<SotwRequest> = { typeUrl: '', nonce: '', names: [] };
  read('DiscoveryRequest', bytes, sotwFields, { request, limits });
  return request;
}

/** @throws RequestRefused for what is no DeltaDiscoveryRequest, or is beyond the limits. */
export function decodeDeltaRequest(bytes: Uint8Array, limits: DecodeLimits): DeltaRequest {
  const request: Draft<DeltaRequest> = { typeUrl: '', nonce: '', subscribe: [], unsubscribe: [], known: nothingKnown };
  read('DeltaDiscoveryRequest', bytes, deltaFields, { request, limits });
  return request;
}

export function tooManyNames(limit: number): RequestRefused {
  return tooMuch(`more than ${limit} resource names on one stream; ask for fewer, or raise maxNamesPerStream`);
}

type Draft<Request> = {
  -readonly [Key in keyof Request]: Request[Key] extends readonly string[] ? string[] : Request[Key];
};

interface Reading<Request> {
  readonly request: Draft<Request>;
  readonly limits: DecodeLimits;
}

const nothingKnown: ReadonlyMap<string, string> = new Map();

const sotwFields: FieldReaders<Reading<SotwRequest>> = {
  [bytesTag(2)]: (field, { request }) => (request.node = readNode(field)),
  [bytesTag(3)]: (field, { request, limits }) => addName(request.names, readString(field), limits),
  [bytesTag(4)]: (field, { request }) => (request.typeUrl = readString(field)),
  [bytesTag(5)]: (field, { request }) => (request.nonce = readString(field)),
  [bytesTag(6)]: (field, { request }) => (request.error = readStatus(field)),
  [bytesTag(7)]: (field, { request, limits }) => addName(request.names, readLocator(field), limits),
};

const deltaFields: FieldReaders<Reading<DeltaRequest>> = {
  [bytesTag(1)]: (field, { request }) => (request.node = readNode(field)),
  [bytesTag(2)]: (field, { request }) => (request.typeUrl = readString(field)),
  [bytesTag(3)]: (field, { request, limits }) => addName(request.subscribe, readString(field), limits),
  [bytesTag(4)]: (field, { request, limits }) => addName(request.unsubscribe, readString(field), limits),
  [bytesTag(5)]: (field, { request, limits }) => {
    request.known = addKnown(request.known, readMapEntry(field), limits);
  },
  [bytesTag(6)]: (field, { request }) => (request.nonce = readString(field)),
  [bytesTag(7)]: (field, { request }) => (request.error = readStatus(field)),
  [bytesTag(8)]: (field, { request, limits }) => addName(request.subscribe, readLocator(field), limits),
  [bytesTag(9)]: (field, { request, limits }) => addName(request.unsubscribe, readLocator(field), limits),
};

function read<Into>(what: string, bytes: Uint8Array, fields: FieldReaders<Into>, into: Into): void {
  try {
    readFields(bytes, fields, into);
  } catch (error) {
    throw error instanceof RequestRefused ? error : malformed(`the request is not a ${what}`, error);
  }
}

function addName(names: string[], name: string, limits: DecodeLimits): void {
  checkName(name, names.length, limits);
  names.push(name);
}

function addKnown(
  known: ReadonlyMap<string, string>,
  [name, version]: readonly [string, string],
  limits: DecodeLimits,
): ReadonlyMap<string, string> {
  checkName(name, known.size, limits);
  // Most requests say to know nothing, and need no map for it.
  return known === nothingKnown ? new Map([[name, version]]) : (known as Map<string, string>).set(name, version);
}

function checkName(name: string, before: number, { maxNamesPerStream, maxNameLength }: DecodeLimits): void {
  if (name.length > maxNameLength) {
    throw malformed(`a resource name of ${name.length} characters; the limit is ${maxNameLength}`);
  }
  if (before >= maxNamesPerStream) throw tooManyNames(maxNamesPerStream);
}

/** What is kept for people to read: bounded, so that nobody can make us keep megabytes of it. */
function text(reader: protobuf.Reader): string {
  return readClipped(reader, 1024);
}

/** core.v3.Node. */
function readNode(reader: protobuf.Reader): Node {
  const node: Draft<Node> = { id: '', cluster: '', zone: '', subZone: '', userAgentName: '', userAgentVersion: '' };
  readNested(reader, {
    [bytesTag(1)]: (field) => (node.id = text(field)),
    [bytesTag(2)]: (field) => (node.cluster = text(field)),
    [bytesTag(4)]: (locality) =>
      readNested(locality, {
        [bytesTag(2)]: (field) => (node.zone = text(field)),
        [bytesTag(3)]: (field) => (node.subZone = text(field)),
      }),
    [bytesTag(6)]: (field) => (node.userAgentName = text(field)),
    [bytesTag(7)]: (field) => (node.userAgentVersion = text(field)),
    [bytesTag(8)]: (build) =>
      readNested(build, { [bytesTag(1)]: (field) => (node.userAgentVersion = readSemanticVersion(field)) }),
  });
  return node;
}

function readSemanticVersion(reader: protobuf.Reader): string {
  const parts = [0, 0, 0];
  readNested(reader, {
    [varintTag(1)]: (field) => (parts[0] = field.uint32()),
    [varintTag(2)]: (field) => (parts[1] = field.uint32()),
    [varintTag(3)]: (field) => (parts[2] = field.uint32()),
  });
  return parts.join('.');
}

/** google.rpc.Status. */
function readStatus(reader: protobuf.Reader): { readonly code: number; readonly message: string } {
  const result = { code: 0, message: '' };
  readNested(reader, {
    [varintTag(1)]: (field) => (result.code = field.int32()),
    [bytesTag(2)]: (field) => (result.message = text(field)),
  });
  return result;
}

/** ResourceLocator: a name, and parameters by which a resource could differ. Ours do not, so only the name counts. */
function readLocator(reader: protobuf.Reader): string {
  let name = '';
  readNested(reader, { [bytesTag(1)]: (field) => (name = readString(field)) });
  return name;
}

function readMapEntry(reader: protobuf.Reader): readonly [key: string, value: string] {
  const entry: [string, string] = ['', ''];
  readNested(reader, {
    [bytesTag(1)]: (field) => (entry[0] = readString(field)),
    [bytesTag(2)]: (field) => (entry[1] = readString(field)),
  });
  return entry;
}
