/** Finds out about each node what the plan needs: what it should run (nix) and what it does run (the host), both at once. */
import { existsSync } from "node:fs";
import pLimit from "p-limit";
import type { Facts } from "../activator/protocol.ts";
import { describeError, RefusedError } from "../errors.ts";
import type { Evaluated } from "../fleet/node.ts";
import { diffClosures, missingPaths } from "../nix/store.ts";
import type { Job } from "./job.ts";
import { kernelChanged } from "./kernel.ts";
import type { Survey } from "./plan.ts";
import { profileOf, systemIn } from "./release.ts";
import { Stages } from "./stages.ts";

/** Each login has ten seconds, and hundreds at once would use them up on this machine. */
const LOGINS_AT_ONCE = 32;

export class Surveyor {
  readonly #turn = pLimit(LOGINS_AT_ONCE);
  readonly #evaluations = new Map<Job, Promise<Evaluated>>();
  readonly #facts = new Map<Job, Promise<Facts | null>>();
  readonly #surveys = new Map<Job, Promise<Survey>>();

  constructor(jobs: readonly Job[]) {
    for (const job of jobs) {
      this.#facts.set(job, job.request.action === "build" ? Promise.resolve(null) : this.#turn(ask, job));
      this.#evaluations.set(job, evaluate(job));
      this.#surveys.set(job, this.#make(job));
    }
  }

  evaluated(job: Job): Promise<Evaluated> {
    return this.#evaluations.get(job)!;
  }

  /** Resolves when it is known whether the host can be reached. Never rejects. */
  async reached(job: Job): Promise<void> {
    await this.#facts.get(job)!.catch(() => {});
  }

  survey(job: Job): Promise<Survey> {
    return this.#surveys.get(job)!;
  }

  async #make(job: Job): Promise<Survey> {
    const [facts, evaluated] = await Promise.allSettled([this.#facts.get(job)!, this.#evaluations.get(job)!]);
    // The host's answer first: an evaluation error is the same for everybody, an unreachable host is not.
    if (facts.status === "rejected") return { ok: false, why: describeError(facts.reason) };
    if (evaluated.status === "rejected") return { ok: false, why: describeError(evaluated.reason) };
    const { outPath } = evaluated.value;
    const profile = profileOf(job.node);
    const release = profile === null ? ((await systemIn(outPath)) ?? outPath) : outPath;
    const running = facts.value?.now.running ?? null;
    const local = running !== null && running !== release && (await areHere([running, release]));
    return {
      ok: true,
      release,
      facts: facts.value,
      diff: local ? await diffClosures(running, release) : null,
      needsReboot: local && profile === null ? await kernelChanged(facts.value?.booted ?? running, release) : null,
    };
  }
}

/** In this machine's store. Most releases are not built yet: a look at the disk then spares nix the question. */
async function areHere(paths: readonly string[]): Promise<boolean> {
  return paths.every((path) => existsSync(path)) && (await missingPaths(paths)).length === 0;
}

/** Both go on side by side, and beside the pipeline: each tells of a stage of its own. */
const stage = (job: Job) => new Stages(job.node.name, job.emit);

async function ask(job: Job): Promise<Facts> {
  const options = { signal: job.interruption };
  const connect = async () => {
    const { activator, connection } = await job.session.line(options);
    const profile = profileOf(job.node);
    const facts = await activator.facts(profile, options);
    // A profile may be deployed to any Linux with systemd and nix.
    if (profile === null && facts.now.running === null) {
      throw new RefusedError("the host runs no NixOS system: there is no /run/current-system", {
        mend: "install NixOS on it first; bungee moves a host from one system to the next",
        reason: "not-nixos-host",
      });
    }
    return { facts, address: connection.address };
  };
  return (await stage(job).within("connect", connect, ({ address }) => address)).facts;
}

const evaluate = (job: Job): Promise<Evaluated> =>
  stage(job).within("evaluate", async () => {
    const evaluated = await job.request.evaluate(job.node.name);
    await job.keep(evaluated);
    return evaluated;
  });
