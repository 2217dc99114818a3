/** `bungee metrics`: how every host of the fleet is, for Prometheus. Changes nothing. */
import { describeError, type ErrorReport, UsageError } from "../errors.ts";
import type { Node } from "../fleet/node.ts";
import type { Settings } from "../fleet/schema.ts";
import { connect } from "../host/dial.ts";
import { renderError } from "../report/error.ts";
import { styleOf } from "../report/style.ts";
import { FAMILIES, Watch } from "../run/watch.ts";
import { type Listen, type Metrics, serveMetrics } from "./metrics-server.ts";
import { type FleetArguments, readFleet } from "./open-fleet.ts";
import * as options from "./options.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { openSecrets } from "./secrets.ts";
import { type Chosen, choose } from "./selection.ts";
import type { Flag, Streams, Typed, Verb } from "./verb.ts";

interface MetricsArguments extends FleetArguments {
  readonly selectors: readonly string[];
  readonly listen: Listen | undefined;
  /** Seconds; undefined: by what is done. */
  readonly timeout: number | undefined;
  readonly parallel: number;
  readonly ssh: Settings;
  readonly verbose: boolean;
}

/** Seconds that a host has; and those after which a scrape gives out what there is: Prometheus itself waits for 10. */
const HOST_LIMIT = 30;
const SCRAPE_PATIENCE = 8;

const metricsFlags: Readonly<Record<string, Flag>> = {
  flake: options.flake,
  schema: options.schema,
  listen: { value: "[addr:]port", describe: "give them out over HTTP (address: 127.0.0.1)" },
  timeout: { value: "s", describe: "for a host (30); with --listen, for a scrape (8)" },
  parallel: options.parallel,
  ssh: options.ssh,
  verbose: options.verbose,
};

export const metricsVerb: Verb = {
  name: "metrics",
  describe: "Print what each host runs and would boot, for Prometheus.",
  withoutSelectors: "all hosts",
  flags: metricsFlags,
  examples: [["bungee metrics --listen 9199", "for Prometheus on this machine"]],

  prepare(typed, streams) {
    const args = {
      selectors: typed.selectors,
      flake: options.readFlake(typed),
      schema: options.readSchema(typed),
      listen: readListen(typed),
      timeout: options.readTimeout("timeout", typed),
      parallel: options.readParallel(typed),
      ssh: options.readSsh(typed),
      verbose: typed.flags.has("verbose"),
    };
    options.refuseTwoNames(args.flake, args.selectors);
    return () => run(args, streams);
  },
};

function run(args: MetricsArguments, streams: Streams): Promise<number> {
  const { selectors, listen, parallel, verbose } = args;
  const reporter = logReporter(streams, verbose);
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const fleet = await readFleet(args, emit, { overrides: args.ssh, signal });
    const chosen = oneOfEachHost(choose(fleet, { selectors, all: selectors.length === 0 && fleet.named === null }));
    using secrets = openSecrets(reporter, interruption, streams);
    const limit = listen ? HOST_LIMIT : (args.timeout ?? HOST_LIMIT);
    await using watch = new Watch(chosen.nodes, { connect, secrets, parallel, limit });
    for (const error of chosen.broken.values()) tell(describeError(error), streams);
    if (listen === undefined) return await once(watch, chosen, streams, signal);
    const patience = args.timeout ?? SCRAPE_PATIENCE;
    const onListening = (url: string) => {
      streams.stderr.write(`metrics of ${chosen.nodes.length} hosts: ${url}\n`);
      // Passwords are asked for now, and not whenever somebody scrapes.
      const seal = () => secrets.seal();
      collect(watch, chosen, patience).then(seal, seal);
    };
    await serveMetrics(listen, async () => (await collect(watch, chosen, patience)).metrics, onListening, signal);
    return 0;
  });
}

/** Of the profiles that deploy-rs has on one host, the first: all would say the same. */
export function oneOfEachHost<Hosts extends Pick<Chosen, "nodes">>(chosen: Hosts): Hosts {
  const hosts = new Map<string, Node>();
  for (const node of chosen.nodes) {
    const host = JSON.stringify([node.addresses, node.port]);
    if (!hosts.has(host)) hosts.set(host, node);
  }
  return { ...chosen, nodes: [...hosts.values()] };
}

/** Every host has its own limit: all of them are waited for. */
async function once(watch: Watch, chosen: Chosen, streams: Streams, signal: AbortSignal): Promise<number> {
  const stop = () => void watch[Symbol.asyncDispose]();
  signal.addEventListener("abort", stop, { once: true });
  const { metrics, errors } = await collect(watch, chosen, LONGEST);
  signal.throwIfAborted();
  streams.stdout.write(metrics.text);
  for (const error of errors) tell(error, streams);
  return errors.length + chosen.broken.size > 0 ? 1 : 0;
}

const LONGEST = 24 * 60 * 60;

async function collect(
  watch: Watch,
  { nodes, broken }: Chosen,
  patience: number,
): Promise<{ metrics: Metrics; errors: readonly ErrorReport[] }> {
  // Loading it takes a while, which no other command should wait for.
  const { CONTENT_TYPE, renderMetrics } = await import("../report/metrics.ts");
  const began = performance.now();
  const readings = await watch.collect(patience);
  const heard = new Set(readings.map(({ node }) => node));
  const silent = [
    ...nodes
      .filter(({ name }) => !heard.has(name))
      .map(({ name, hostName }) => ({ node: name, host: hostName ?? name })),
    ...[...broken.keys()].map((name) => ({ node: name, host: name })),
  ];
  const seconds = (performance.now() - began) / 1000;
  const text = await renderMetrics({ families: FAMILIES, readings, silent, seconds });
  const errors = readings.flatMap(({ node, why }) => (why === null ? [] : [{ ...why, node: why.node ?? node }]));
  return { metrics: { contentType: CONTENT_TYPE, text }, errors };
}

function tell(error: ErrorReport, { stderr }: Streams): void {
  stderr.write(`${renderError(error, styleOf("stderr")).join("\n")}\n`);
}

/** `9199`, `0.0.0.0:9199`, `[::1]:9199`. */
export function readListen(typed: Typed): Listen | undefined {
  const text = typed.flags.get("listen");
  if (text === undefined) return undefined;
  const [, ip6, name, digits] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):)?(\d{1,5})$/.exec(String(text)) ?? [];
  const port = Number(digits);
  if (digits !== undefined && port <= 65535) return { address: ip6 ?? name ?? "127.0.0.1", port };
  throw new UsageError(`--listen is ${text || "empty"}`, { mend: "give a port, or address:port: 9199, [::1]:9199" });
}
