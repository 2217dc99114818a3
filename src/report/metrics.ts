/** What hosts said of themselves, as Prometheus reads it: their own figures, and whether and when they answered. */
import { Gauge, Registry } from "prom-client";

export interface MetricsReading {
  readonly node: string;
  readonly host: string;
  readonly samples:
    | readonly {
        readonly name: string;
        readonly labels: Readonly<Record<string, string>>;
        readonly value: number;
      }[]
    | null;
  readonly at: Date;
  readonly seconds: number;
}

export interface MetricsReport {
  /** The figures that hosts have, in the order in which they are shown. */
  readonly families: readonly { readonly name: string; readonly help: string }[];
  readonly readings: readonly MetricsReading[];
  /** That could not be asked at all, or have not been through. */
  readonly silent: readonly { readonly node: string; readonly host: string }[];
  /** How long it took to collect all this. */
  readonly seconds: number;
}

/** Of the text that `renderMetrics` gives. */
export const CONTENT_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

const WHO = ["host", "node"];

/** Every figure has the label `node` besides those that the host gives it: two hosts may call themselves the same. */
export async function renderMetrics({ families, readings, silent, seconds }: MetricsReport): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });

  const up = gauge("bungee_host_up", "Whether the host answered when it was last asked.", WHO);
  const asked = gauge("bungee_host_asked_timestamp_seconds", "When the host was last asked.", WHO);
  const took = gauge("bungee_host_ask_duration_seconds", "How long that took, its login included.", WHO);
  for (const { node, host, samples, at, seconds: each } of readings) {
    up.set({ host, node }, samples === null ? 0 : 1);
    asked.set({ host, node }, Math.round(at.getTime() / 1000));
    took.set({ host, node }, rounded(each));
  }
  for (const who of silent) up.set({ ...who }, 0);
  gauge("bungee_scrape_duration_seconds", "How long it took to collect all this.", []).set(rounded(seconds));

  for (const { name, help } of families) {
    const found = readings.flatMap(({ node, samples }) =>
      (samples ?? [])
        .filter((sample) => sample.name === name)
        .map(({ labels, value }) => ({ labels: { ...labels, node }, value })),
    );
    const labelNames = [...new Set(found.flatMap(({ labels }) => Object.keys(labels)))];
    if (found.length === 0) continue;
    const family = gauge(name, help, labelNames);
    for (const { labels, value } of found) family.set(labels, value);
  }
  return await registry.metrics();
}

const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;
