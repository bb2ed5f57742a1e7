/** How much a client may ask of us. Beyond it, its stream ends with a status that names the limit. */

export interface XdsLimits {
  /** New streams admitted per second; more of them wait. Default 2,000. */
  readonly streamsPerSecond: number;
  /** Streams open or waiting at once. Default 200,000. */
  readonly maxStreams: number;
  /** Size of one request. Default 4 MiB. */
  readonly maxRequestBytes: number;
  /** Resource names one stream may ask for. Default 10,000. */
  readonly maxNamesPerStream: number;
  /** Characters of a resource name. Default 1,024; the longest that can mean anything has about 200. */
  readonly maxNameLength: number;
  /** Resource types one aggregated stream may ask for, known or not. Default 32. */
  readonly maxTypesPerStream: number;
  /**
   * A response stops growing when it has this much; the rest follows when it is acknowledged. Default 1 MiB: gRPC
   * clients refuse messages over 4 MiB.
   */
  readonly responseBytes: number;
  /** How long a client may leave a response unread until its stream is closed. Default 30 s. */
  readonly streamStallMs: number;
  /** How long `stop` waits for clients to take their leave. Default 2 s. */
  readonly stopGraceMs: number;
}

export const defaultLimits: XdsLimits = {
  streamsPerSecond: 2000,
  maxStreams: 200_000,
  maxRequestBytes: 4 * 1024 * 1024,
  maxNamesPerStream: 10_000,
  maxNameLength: 1024,
  maxTypesPerStream: 32,
  responseBytes: 1024 * 1024,
  streamStallMs: 30_000,
  stopGraceMs: 2000,
};
