/** `bungee init`: writes a template where no flake is, and a pipeline where one is. Never over what stands there. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ConfigurationError, describeError, InterruptedError, UsageError } from "../errors.ts";
import { openFleet } from "../fleet/fleet.ts";
import { renderError } from "../report/error.ts";
import { styleOf } from "../report/style.ts";
import { type Pipeline, type Remote, remoteOf } from "../templates/forge.ts";
import { filesOfPipeline, filesOfTemplate, isBesideAPipeline, type TemplateFile } from "../templates/template.ts";
import { standing, writeAll } from "../templates/write.ts";
import { type InitArguments, initFlags, readInit } from "./init-flags.ts";
import { type KnownFleet, renderSteps, stepsOfPipeline, stepsOfTemplate } from "./init-steps.ts";
import { logOf, logReporter, withReporter } from "./reporting.ts";
import type { Streams, Verb } from "./verb.ts";

export const initVerb: Verb = {
  name: "init",
  describe: "Start a fleet, or give a flake its CI pipeline.",
  withoutSelectors: null,
  flags: initFlags,
  examples: [
    ["bungee init", "a fleet, in an empty folder"],
    ["bungee init --template ci", "a fleet that its repository deploys"],
    ["bungee init --ci gitlab", "in a flake: .gitlab-ci.yml, and what it reads"],
  ],

  prepare(typed, streams) {
    const args = readInit(typed);
    return () => run(args, streams);
  },
};

async function run(args: InitArguments, streams: Streams): Promise<number> {
  const { directory, dryRun } = args;
  await demandFolder(directory);
  const work = await workOf(args);
  const { missing, same, other, obstacles } = await standing(directory, work.files);
  const kept = other.filter(work.isKept);
  const inTheWay = [...obstacles, ...other.filter((file) => !kept.includes(file)).map(({ path }) => path)].sort();
  if (inTheWay.length > 0) {
    throw new ConfigurationError(`${inTheWay.join(", ")}: there already, and nothing was written`, {
      mend: "move it away, or write into another folder (--directory) and take from there what you want",
    });
  }
  if (!dryRun) await writeAll(directory, missing);
  const at = ({ path }: TemplateFile) => join(directory, path);
  const lines = [
    ...missing.map((file) => `${dryRun ? "would write" : "wrote"}  ${at(file)}`),
    ...kept.map((file) => `kept   ${at(file)}: not what the template has`),
    ...same.map((file) => `there  ${at(file)}`),
  ];
  const next = await work.steps(streams);
  streams.stdout.write(`${[...lines, "", next].join("\n")}\n`);
  return 0;
}

interface Work {
  readonly files: readonly TemplateFile[];
  /** Whether a file of this path that has another text may stay. */
  readonly isKept: (file: TemplateFile) => boolean;
  /** Asked when all is written. */
  readonly steps: (streams: Streams) => Promise<string>;
}

async function workOf(args: InitArguments): Promise<Work> {
  const { directory, template } = args;
  const flake = join(directory, "flake.nix");
  if (!(await isThere(flake))) return await ofNothing(args);
  if (template === undefined) return await ofFlake(args);
  const work = await ofNothing(args);
  const own = work.files.filter(({ path }) => path === "flake.nix");
  if ((await standing(directory, own)).same.length > 0) return work;
  throw new UsageError(`--template ${template} is a flake of its own, and ${flake} stands there`, {
    mend: "leave it out to have the pipeline alone, or name an empty folder by --directory",
  });
}

async function ofNothing({ directory, template = "fleet", ci }: InitArguments): Promise<Work> {
  const remote = await remoteOf(directory);
  const pipeline = template === "ci" ? pipelineOf(remote, ci) : undefined;
  const files = await filesOfTemplate(template, pipeline);
  const steps = async () => renderSteps(stepsOfTemplate(template, pipeline, remote.repository));
  return { files, isKept: () => false, steps };
}

async function ofFlake({ directory, ci }: InitArguments): Promise<Work> {
  const remote = await remoteOf(directory);
  const pipeline = pipelineOf(remote, ci);
  if (pipeline === undefined) {
    throw new UsageError(`${join(directory, "flake.nix")} stands there, and --ci none wants no pipeline beside it`, {
      mend: "say --ci github, forgejo or gitlab; or name an empty folder by --directory",
    });
  }
  const files = await filesOfPipeline(pipeline);
  const steps = async (streams: Streams) =>
    renderSteps(stepsOfPipeline(pipeline, await fleetOf(directory, streams), remote.repository));
  return { files, isKept: isBesideAPipeline, steps };
}

/** undefined: none. @throws UsageError where nothing tells which */
function pipelineOf({ host, pipeline }: Remote, ci: InitArguments["ci"]): Pipeline | undefined {
  if (ci !== undefined) return ci === "none" ? undefined : ci;
  if (pipeline !== null) return pipeline;
  const why = host === null ? "git names no remote" : `the remote ${host} may be any forge`;
  throw new UsageError(`which forge the pipeline is for is not known: ${why}, and --ci is not given`, {
    mend: "say --ci github, forgejo, gitlab or none",
  });
}

/** For the names in the next steps. A flake that cannot be evaluated has its pipeline all the same, and is told why. */
async function fleetOf(directory: string, streams: Streams): Promise<KnownFleet | undefined> {
  try {
    const fleet = await withReporter(logReporter(streams, false), (emit, { signal }) =>
      openFleet({ flake: directory, signal, onLine: logOf(emit) }),
    );
    return { nodes: [...fleet.nodes.values()].filter(({ enable }) => enable), from: fleet.from };
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    const lines = renderError(describeError(error), styleOf("stderr"));
    streams.stderr.write(`${["the fleet's names are not known:", ...lines].join("\n")}\n`);
    return undefined;
  }
}

async function demandFolder(directory: string): Promise<void> {
  const is = await stat(directory).catch(() => undefined);
  if (is?.isDirectory()) return;
  throw new ConfigurationError(`${directory} is no folder`, { mend: "make it first" });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
