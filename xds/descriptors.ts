/**
 * What gRPC reflection answers from: compiled .proto files, by file name and by what they define. Each file is kept as
 * the bytes it came in, because rebuilding it from a parsed form loses what the parser does not know: options, and
 * with them the validation rules of Envoy's fields.
 */
import type protobuf from 'protobufjs/minimal.js';
import { asBuffer, bytesTag, readFields, varintTag } from './wire.ts';

export interface Descriptors {
  /** The file and all that it imports, itself first; undefined when it is not there. */
  fileByName(name: string): readonly Uint8Array[] | undefined;
  /** The same for whoever defines a message, enum, service, method or extension, by full name without leading dot. */
  fileOfSymbol(symbol: string): readonly Uint8Array[] | undefined;
  /** The same for whoever extends a message with that field. */
  fileOfExtension(extended: string, number: number): readonly Uint8Array[] | undefined;
  /** Undefined when there is no such message. */
  extensionNumbers(extended: string): readonly number[] | undefined;
}

interface File {
  readonly bytes: Uint8Array;
  name: string;
  package: string;
  readonly imports: string[];
}

/** `set` is a serialized google.protobuf.FileDescriptorSet. @throws Error when it is not. */
export function indexDescriptors(set: Uint8Array): Descriptors {
  const files = new Map<string, File>();
  const symbols = new Map<string, File>();
  const extensions = new Map<string, Map<number, File>>();

  function indexFile(bytes: Uint8Array): void {
    const file: File = { bytes, name: '', package: '', imports: [] };
    readFields(bytes, {
      [bytesTag(1)]: (field) => (file.name = field.string()),
      [bytesTag(2)]: (field) => (file.package = field.string()),
      [bytesTag(3)]: (field) => file.imports.push(field.string()),
    });
    files.set(file.name, file);
    // A second look, because the package may come after what is in it.
    const scope = file.package === '' ? '' : `${file.package}.`;
    readFields(bytes, {
      [bytesTag(4)]: (field) => indexMessage(file, scope, field.bytes()),
      [bytesTag(5)]: (field) => define(file, scope, field.bytes()),
      [bytesTag(6)]: (field) => indexService(file, scope, field.bytes()),
      [bytesTag(7)]: (field) => indexExtension(file, scope, field.bytes()),
    });
  }

  /** Every kind of definition has its name in field 1. */
  function define(file: File, scope: string, bytes: Uint8Array): string {
    let name = '';
    readFields(bytes, { [bytesTag(1)]: (field) => (name = field.string()) });
    symbols.set(`${scope}${name}`, file);
    return `${scope}${name}.`;
  }

  function indexMessage(file: File, scope: string, bytes: Uint8Array): void {
    const inside = define(file, scope, bytes);
    readFields(bytes, {
      [bytesTag(3)]: (field) => indexMessage(file, inside, field.bytes()),
      [bytesTag(4)]: (field) => define(file, inside, field.bytes()),
      [bytesTag(6)]: (field) => indexExtension(file, inside, field.bytes()),
    });
  }

  function indexService(file: File, scope: string, bytes: Uint8Array): void {
    const inside = define(file, scope, bytes);
    readFields(bytes, { [bytesTag(2)]: (field) => define(file, inside, field.bytes()) });
  }

  function indexExtension(file: File, scope: string, bytes: Uint8Array): void {
    define(file, scope, bytes);
    let extended = '';
    let number = 0;
    readFields(bytes, {
      [bytesTag(2)]: (field) => (extended = field.string().replace(/^\./, '')),
      [varintTag(3)]: (field) => (number = field.int32()),
    });
    extensions.set(extended, (extensions.get(extended) ?? new Map<number, File>()).set(number, file));
  }

  function withImports(file: File | undefined): readonly Uint8Array[] | undefined {
    if (file === undefined) return undefined;
    const closure = new Set([file]);
    // A set that grows while it is walked is walked to its end.
    for (const { imports } of closure) {
      for (const name of imports) {
        const imported = files.get(name);
        if (imported !== undefined) closure.add(imported);
      }
    }
    return [...closure].map(({ bytes }) => bytes);
  }

  const ofFile = (field: protobuf.Reader): void => indexFile(asBuffer(field.bytes()));
  readFields(set, { [bytesTag(1)]: ofFile });

  return {
    fileByName: (name) => withImports(files.get(name)),
    fileOfSymbol: (symbol) => withImports(symbols.get(symbol)),
    fileOfExtension: (extended, number) => withImports(extensions.get(extended)?.get(number)),
    extensionNumbers: (extended) => (symbols.has(extended) ? [...(extensions.get(extended)?.keys() ?? [])] : undefined),
  };
}
