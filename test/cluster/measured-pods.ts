/** What a real Prometheus measures of pods that are nothing but a number each: `errors`, by namespace and pod. */
import { type Prometheus, startPrometheus } from '../../demo/world/prometheus.ts';
import { scrapeConfig, startExporter } from '../metrics/exporter.ts';

export interface MeasuredPods {
  readonly prometheusUrl: string;
  /** With 0 each. */
  add(namespace: string, pods: readonly string[]): void;
  set(namespace: string, pod: string, value: number): void;
  stop(): Promise<void>;
}

export async function startMeasuredPods(executable: string): Promise<MeasuredPods> {
  const values = new Map<string, number>();
  const seriesOf = (namespace: string, pod: string): string => `errors{namespace="${namespace}",pod="${pod}"}`;
  const exporter = await startExporter(() => [...values].map(([series, value]) => `${series} ${value}`));
  let prometheus: Prometheus;
  try {
    prometheus = await startPrometheus({ executable, config: scrapeConfig(exporter) });
  } catch (error) {
    await exporter.close();
    throw error;
  }
  return {
    prometheusUrl: prometheus.url,
    add(namespace, pods) {
      for (const pod of pods) values.set(seriesOf(namespace, pod), 0);
    },
    set: (namespace, pod, value) => void values.set(seriesOf(namespace, pod), value),
    async stop() {
      await prometheus.stop();
      await exporter.close();
    },
  };
}
