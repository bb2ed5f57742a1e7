/** The answer to a status question, message by message, so that no other client waits for the whole of it. */
import { setImmediate } from 'node:timers/promises';
import { encodeClient, encodeHolding } from './client-status.ts';
import type { Holding } from './holding.ts';
import type { ConnectedClient } from './proxy-view.ts';

export interface StatusOptions {
  /** Of names: whether whoever asks may know of it. */
  isVisible(name: string): boolean;
  /** Whether whoever asks may know of clients that have nothing. */
  readonly showsIdle: boolean;
  /** Versions only. */
  readonly withoutContents: boolean;
  /** Not what clients said: about a response with several resources it may speak of one that is not visible. */
  readonly withoutWords: boolean;
}

/** The most that gRPC clients receive unless they are told otherwise. */
export const maxStatusBytes = 4 * 1024 * 1024;
/** What a client has beyond this is told of apart, under the same node. */
const pieceBytes = 256 * 1024;
/** Made in one go, in a few milliseconds; then others have their turn. */
const sliceBytes = 512 * 1024;

/**
 * Serialized ClientStatusResponses, at least one. Each client is as it is when its turn comes. A message is longer than
 * `maxStatusBytes` only where a single resource is.
 */
export async function* statusResponses(
  clients: readonly ConnectedClient[],
  options: StatusOptions,
): AsyncGenerator<Buffer, void, void> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let slice = 0;
  for (const client of clients) {
    for (const piece of clientConfigs(client, options)) {
      if (bytes > 0 && bytes + piece.length > maxStatusBytes) {
        yield Buffer.concat(pieces);
        pieces = [];
        bytes = 0;
      }
      pieces.push(piece);
      bytes += piece.length;
      slice += piece.length;
      if (slice >= sliceBytes) {
        slice = 0;
        await setImmediate();
      }
    }
  }
  yield Buffer.concat(pieces);
}

function* clientConfigs(
  client: ConnectedClient,
  { isVisible, showsIdle, withoutContents, withoutWords }: StatusOptions,
): Generator<Buffer> {
  const node = client[0].info.node();
  let configs: Uint8Array[] = [];
  let bytes = 0;
  let hidden = 0;
  let told = 0;
  for (const stream of client) {
    for (const { typeUrl, subscription } of stream.exchanges()) {
      for (const name of subscription.watched()) {
        const holding = isVisible(name) ? subscription.holding(name) : undefined;
        if (holding === undefined) {
          hidden += 1;
          continue;
        }
        const config = encodeHolding(typeUrl, withoutWords ? wordless(holding) : holding, withoutContents);
        if (bytes > 0 && bytes + config.length > pieceBytes) {
          yield encodeClient(node, configs);
          configs = [];
          bytes = 0;
        }
        configs.push(config);
        bytes += config.length;
        told += 1;
      }
    }
  }
  // A client that has only what is not for whoever asks is not for them either.
  if (told > 0 || (hidden === 0 && showsIdle)) yield encodeClient(node, configs);
}

function wordless(holding: Holding): Holding {
  return holding.refused === undefined ? holding : { ...holding, refused: { ...holding.refused, message: '' } };
}
