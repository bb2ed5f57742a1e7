/** The answer to a status question, message by message, so that no other client waits for the whole of it. */
import { setImmediate } from 'node:timers/promises';
import { encodeClient, encodeHolding } from './client-status.ts';
import type { ConnectedClient } from './proxy-view.ts';

export interface StatusOptions {
  /** Of names: whether whoever asks may know of it. */
  isVisible(name: string): boolean;
  /** Versions only. */
  readonly withoutContents: boolean;
}

/** The most that gRPC clients receive unless they are told otherwise. */
export const maxStatusBytes = 4 * 1024 * 1024;
/** What a client has beyond this is told of apart, under the same node. */
const pieceBytes = 256 * 1024;
/** Told of in one go, in a few milliseconds; then others have their turn. */
const namesAtOnce = 2000;

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
  let names = 0;
  for (const client of clients) {
    for (const piece of piecesOf(client, options)) {
      if (bytes > 0 && bytes + piece.bytes.length > maxStatusBytes) {
        yield Buffer.concat(pieces);
        pieces = [];
        bytes = 0;
      }
      pieces.push(piece.bytes);
      bytes += piece.bytes.length;
      names += piece.names;
    }
    names += 1;
    if (names >= namesAtOnce) {
      names = 0;
      await setImmediate();
    }
  }
  yield Buffer.concat(pieces);
}

interface Piece {
  readonly bytes: Buffer;
  readonly names: number;
}

function* piecesOf(client: ConnectedClient, { isVisible, withoutContents }: StatusOptions): Generator<Piece> {
  const node = client[0].info.node();
  let configs: Uint8Array[] = [];
  let bytes = 0;
  let hidden = 0;
  let told = 0;
  const piece = (): Piece => ({ bytes: encodeClient(node, configs), names: configs.length });
  for (const stream of client) {
    for (const { typeUrl, subscription } of stream.exchanges()) {
      for (const holding of subscription.holdings()) {
        if (!isVisible(holding.name)) {
          hidden += 1;
          continue;
        }
        const config = encodeHolding(typeUrl, holding, withoutContents);
        if (bytes > 0 && bytes + config.length > pieceBytes) {
          yield piece();
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
  if (told > 0 || hidden === 0) yield piece();
}
