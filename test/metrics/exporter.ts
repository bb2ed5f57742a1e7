/** What a Prometheus scrapes, and how it is told to. */
import protobuf from 'protobufjs';
import { type Handler, type LoopbackServer, startServer } from './loopback-server.ts';

/** Series in the text format, as they are at each scrape. */
export function startExporter(series: () => readonly string[]): Promise<LoopbackServer> {
  return startServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(`${series().join('\n')}\n`);
  });
}

/** One native histogram; only the protobuf format can carry it. */
export function startHistogramExporter(name: string): Promise<LoopbackServer> {
  const handler: Handler = (_, response) => {
    response.setHeader(
      'content-type',
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    );
    response.end(histogramFamily(name));
  };
  return startServer(handler);
}

/** Scrapes as fast as a test wants to go on. */
export function scrapeConfig(...exporters: readonly LoopbackServer[]): object {
  return {
    global: { scrape_interval: '100ms', scrape_timeout: '100ms' },
    scrape_configs: [
      { job_name: 'test', static_configs: [{ targets: exporters.map(({ port }) => `127.0.0.1:${port}`) }] },
    ],
  };
}

const histogramSchema = `
  syntax = "proto2";
  message MetricFamily { optional string name = 1; optional int32 type = 3; repeated Metric metric = 4; }
  message Metric { repeated Label label = 1; optional Histogram histogram = 7; }
  message Label { optional string name = 1; optional string value = 2; }
  message Histogram {
    optional uint64 sample_count = 1;
    optional double sample_sum = 2;
    optional sint32 schema = 5;
    optional double zero_threshold = 6;
    optional uint64 zero_count = 7;
    repeated Span positive_span = 12;
    repeated sint64 positive_delta = 13;
  }
  message Span { optional sint32 offset = 1; optional uint32 length = 2; }
`;

function histogramFamily(name: string): Uint8Array {
  const histogram = {
    sampleCount: 3,
    sampleSum: 4.5,
    schema: 0,
    zeroThreshold: 0.001,
    zeroCount: 0,
    positiveSpan: [{ offset: 0, length: 2 }],
    positiveDelta: [1, 1],
  };
  const family = { name, type: 4, metric: [{ label: [{ name: 'pod', value: 'a' }], histogram }] };
  const type = protobuf.parse(histogramSchema).root.lookupType('MetricFamily');
  return type.encodeDelimited(type.create(family)).finish();
}
