/** How much a client may ask of us. Beyond it, its stream ends with a status that names the limit. */

export interface XdsLimits {
  /** Connections open at once; more are closed as they come. Default 20,000. */
  readonly maxConnections: number;
  /**
   * Streams a connection may have at once, whatever they ask for. HTTP/2 tells it to the client, and a client that has
   * more to ask waits or opens another connection: with a low limit clusters would have no endpoints and no error.
   * Default 100,000.
   */
  readonly maxStreamsPerConnection: number;
  /**
   * After this, 10 % more or less, a client is told to take its new streams to another connection; 0 is never.
   * Default 1 h.
   */
  readonly maxConnectionAgeMs: number;
  /** How long the streams of an old connection go on until they are ended. Default 30 s. */
  readonly maxConnectionAgeGraceMs: number;
  /** How often a connection is asked whether somebody is there. Default 30 s. */
  readonly keepaliveMs: number;
  /** How long the answer to that may take. Default 10 s. */
  readonly keepaliveTimeoutMs: number;
  /** Size of the headers of one call, counted as in HTTP/2. Default 16 KiB. */
  readonly maxHeaderBytes: number;
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
  /** How long a client may leave a stream open that we have ended. Default 1 s; gRPC clients close it at once. */
  readonly halfOpenMs: number;
  /** How long `stop` waits for clients to take their leave. Default 2 s. */
  readonly stopGraceMs: number;
}

export const defaultLimits: XdsLimits = {
  maxConnections: 20_000,
  maxStreamsPerConnection: 100_000,
  maxConnectionAgeMs: 3_600_000,
  maxConnectionAgeGraceMs: 30_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  maxHeaderBytes: 16 * 1024,
  streamsPerSecond: 2000,
  maxStreams: 200_000,
  maxRequestBytes: 4 * 1024 * 1024,
  maxNamesPerStream: 10_000,
  maxNameLength: 1024,
  maxTypesPerStream: 32,
  responseBytes: 1024 * 1024,
  streamStallMs: 30_000,
  halfOpenMs: 1000,
  stopGraceMs: 2000,
};
