/** Publishes round after round, as fast as those who follow steadily have acknowledged the last. */
import type { XdsCache } from '../../../xds/cache.ts';
import { silentObserver, type StreamInfo, type XdsObserver } from '../../../xds/observer.ts';
import { steady } from './crowd.ts';
import { roundOf } from './updates.ts';

export interface Publisher {
  /** To be told of what happens on the server. */
  readonly observer: XdsObserver;
  readonly counts: Readonly<Record<'open' | 'opened' | 'pushed' | 'nacked' | 'steadyPushed', number>>;
  /** Resolves when everybody who follows steadily has what is published. */
  followed(): Promise<void>;
  /** One update for each Service, one that comes and one that goes; resolves when they were followed. */
  round(n: number): Promise<void>;
}

export const updatesPerRound = (services: number): number => services + 2;

/** Two streams follow each Service, one by each protocol. */
export function createPublisher(cache: XdsCache, services: number): Publisher {
  const counts = { open: 0, opened: 0, pushed: 0, nacked: 0, steadyPushed: 0 };
  let owed = 2 * services;
  let settle: (() => void) | undefined;
  const isSteady = (stream: StreamInfo): boolean => stream.node()?.id.startsWith(steady) === true;

  async function followed(): Promise<void> {
    if (owed > 0) {
      await new Promise<void>((resolve) => {
        settle = resolve;
      });
    }
  }

  return {
    counts,
    observer: {
      ...silentObserver,
      streamOpened() {
        counts.opened += 1;
        counts.open += 1;
      },
      streamClosed: () => void counts.open--,
      nacked: () => void counts.nacked++,
      pushed(stream) {
        counts.pushed += 1;
        if (isSteady(stream)) counts.steadyPushed += 1;
      },
      acked(stream) {
        if (!isSteady(stream)) return;
        owed -= 1;
        if (owed === 0) settle?.();
      },
    },
    followed,
    async round(n) {
      const { changes, comes, goes } = roundOf(n, services);
      owed = 2 * services;
      for (const change of changes) cache.publish([change]);
      cache.publish([comes]);
      cache.remove(goes);
      await followed();
    },
  };
}
