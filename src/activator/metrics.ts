/** What a host says of itself for Prometheus, asked over a connection: by the script that its own exporter runs, if it has one. */
import { ProtocolError, RefusedError } from "../errors.ts";
import type { Connection } from "../host/connection.ts";
import type { RunOptions } from "../process.ts";
import { Access } from "./access.ts";
import { isGate } from "./protocol.ts";
import { METRICS } from "./script.ts";

export interface Family {
  readonly name: string;
  readonly help: string;
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All there are, gauges every one, in the order in which they are told. */
export const FAMILIES: readonly Family[] = [
  ...METRICS.matchAll(/^ +(?:gauge (\w+)|metric (\w+) gauge) '([^']*)'/gm),
].map(([, one, other, help = ""]) => ({ name: (one ?? other)!, help }));

const NAMES: ReadonlySet<string> = new Set(FAMILIES.map(({ name }) => name));
const LABELS: ReadonlySet<string> = new Set([
  "host",
  "version",
  "kernel",
  "system",
  "profile",
  "user",
  "action",
  "state",
]);
/** Bytes. A host says some 3 KiB, and another KiB for each profile that was ever deployed to it. */
const LONGEST_ANSWER = 256 * 1024;
const LONGEST_VALUE = 1024;

/** @throws ConnectionLostError | ProtocolError | RefusedError | the signal's reason */
export async function readMetrics(connection: Connection, options: RunOptions = {}): Promise<Sample[]> {
  const kept = { ...options, keep: LONGEST_ANSWER };
  const gated = ["bungee-activator", "metrics"] as const;
  const finished = await new Access().ask(
    connection,
    { name: "bungee-metrics", script: METRICS, words: ["-"], gated },
    kept,
  );
  if (isGate(finished)) {
    throw new RefusedError("the host's bungee is too old to tell its metrics to a deploy user", {
      mend: "deploy it once more with the bungee of now, or log in as somebody else (user, identityFile)",
      reason: "restricted",
    });
  }
  const samples = finished.code === 0 ? parseMetrics(finished.stdout) : undefined;
  if (samples !== undefined) return samples;
  throw new ProtocolError("the host did not tell its metrics", {
    mend: "try the command by hand over ssh; the host needs /bin/sh, coreutils and sed",
    detail: `${finished.stderr}${finished.stdout}`.trim().slice(-2000),
  });
}

/** What stands between the last BEGIN and its EOF; undefined where a line of it is none of ours, whoever wrote it. */
export function parseMetrics(text: string): Sample[] | undefined {
  const lines = text.split("\n");
  const begin = lines.lastIndexOf("# BEGIN");
  const end = lines.indexOf("# EOF", begin);
  if (begin < 0 || end < 0) return undefined;
  const samples: Sample[] = [];
  const seen = new Set<string>();
  for (const line of lines.slice(begin + 1, end)) {
    if (line.startsWith("# HELP ") || line.startsWith("# TYPE ")) continue;
    const sample = parseSample(line);
    const key = line.slice(0, line.lastIndexOf(" "));
    if (sample === undefined || seen.has(key)) return undefined;
    seen.add(key);
    samples.push(sample);
  }
  return samples.length > 0 ? samples : undefined;
}

const SAMPLE = /^(\w+)\{((?:\w+="(?:[^"\\]|\\["\\n])*",?)+)\} (-?\d{1,15}(?:\.\d{1,9})?)$/;

function parseSample(line: string): Sample | undefined {
  const [, name = "", words = "", value] = SAMPLE.exec(line) ?? [];
  if (!NAMES.has(name)) return undefined;
  const labels: Record<string, string> = {};
  for (const [, label = "", text = ""] of words.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    if (!LABELS.has(label) || label in labels || text.length > LONGEST_VALUE) return undefined;
    labels[label] = text.replaceAll(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
  }
  return labels.host === undefined ? undefined : { name, labels, value: Number(value) };
}
