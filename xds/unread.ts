/**
 * Answers that their clients have not taken yet. One can be megabytes, and a client that asks a thousand times and reads
 * nothing would have all of them in our memory: few may wait, and who does not read in time is cut.
 */
import { constants } from 'node:http2';
import { type GrpcCall, http2StreamUnder } from './grpc-internals.ts';
import { tooMuch } from './refusal.ts';
import type { StallGuard } from './stall.ts';

export interface Unread {
  /**
   * An answer is under way; the returned function says that it is no more, and may be called again.
   * @throws RequestRefused when as many as may wait do.
   */
  begin(call: GrpcCall): () => void;
}

/** Who reads has taken an answer within milliseconds. */
const maxUnread = 100;

export function createUnread(stalls: StallGuard): Unread {
  let count = 0;
  return {
    begin(call) {
      if (count >= maxUnread) throw tooMuch('too many answers wait to be read; ask again');
      count += 1;
      const wait = { untilMs: 0, onStall: () => http2StreamUnder(call)?.close(constants.NGHTTP2_CANCEL) };
      stalls.begin(wait);
      let isUnderWay = true;
      return () => {
        if (!isUnderWay) return;
        isUnderWay = false;
        count -= 1;
        stalls.end(wait);
      };
    },
  };
}
