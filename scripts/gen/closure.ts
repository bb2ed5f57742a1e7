/** Collects .proto files with everything they import, from the dependencies that ship them and from our own folder. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where imports are looked up, in this order. */
const importRoots = [
  'proto',
  'node_modules/@grpc/grpc-js-xds/deps/envoy-api',
  'node_modules/@grpc/grpc-js-xds/deps/xds',
  'node_modules/@grpc/grpc-js-xds/deps/googleapis',
  'node_modules/@grpc/grpc-js-xds/deps/protoc-gen-validate',
  'node_modules/@grpc/reflection/build/proto',
  'node_modules/grpc-health-check/proto',
];

/**
 * The validation rules that are shipped are older than the Envoy files shipped beside them: without this field the
 * compiler refuses envoy/config/core/v3/protocol.proto, and with it every cluster.
 */
const missingRule = {
  file: 'validate/validate.proto',
  after: 'message StringRules {',
  field: 'optional bool ignore_empty = 26;',
};

/** Copies `files`, named relative to an import root, and all they import into `into`. */
export function copyWithImports(root: string, files: readonly string[], into: string): void {
  const pending = [...files];
  const copied = new Set<string>();
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    // The well-known types come with every compiler and loader.
    if (copied.has(file) || file.startsWith('google/protobuf/')) {
      continue;
    }
    copied.add(file);
    const source = readProto(root, file);
    mkdirSync(dirname(join(into, file)), { recursive: true });
    writeFileSync(join(into, file), source);
    pending.push(...importsOf(source));
  }
}

function readProto(root: string, file: string): string {
  const path = importRoots.map((folder) => join(root, folder, file)).find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new Error(`${file}: not found in ${importRoots.join(', ')}`);
  }
  const source = readFileSync(path, 'utf8');
  if (file !== missingRule.file || source.includes(missingRule.field)) {
    return source;
  }
  return source.replace(missingRule.after, `${missingRule.after}\n    ${missingRule.field}`);
}

function importsOf(source: string): string[] {
  return [...source.matchAll(/^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"\s*;/gm)].flatMap((match) => match[1] ?? []);
}
