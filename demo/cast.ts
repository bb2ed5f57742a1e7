/** Who plays: six pods of one Service, each with a loopback address of its own, as pods have. */

export const namespace = 'shop';
export const service = 'pricer';

export interface Pod {
  readonly name: string;
  readonly address: string;
}

export const pods: readonly Pod[] = [1, 2, 3, 4, 5, 6].map((number) => ({
  name: `pricer-${number}`,
  address: `127.0.0.${10 + number}`,
}));

/** Requests per second through each Envoy. */
export const requestsPerSecond = 300;
