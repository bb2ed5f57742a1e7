/** Bytes that come in any pieces, as whole lines. */
import { StringDecoder } from 'node:string_decoder';
import { KubeError } from './kube-client.ts';

export interface Lines {
  push(chunk: Buffer): void;
  /** Characters of a line that has not ended. */
  rest(): number;
}

/** @throws KubeError, from `push`, for a line of more than `maxBytes`: it would be gathered without end. */
export function createLines(maxBytes: number, onLine: (line: string) => void): Lines {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  return {
    rest: () => length,
    push(chunk) {
      const [first = '', ...others] = decoder.write(chunk).split('\n');
      parts.push(first);
      length += first.length;
      for (const next of others) {
        const line = parts.join('');
        parts = [next];
        length = next.length;
        if (line !== '') onLine(line);
      }
      if (length > maxBytes) throw new KubeError(`the watch sent a line of more than ${maxBytes} bytes`);
    },
  };
}
