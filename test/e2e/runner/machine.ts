/** Where a job's scripts run: a workstation of the lab, with a folder that a runner calls its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Result } from "../../lab/exec.ts";
import type { Workstation } from "../../lab/workstation.ts";

const RUNNER = "/root/runner";

export type Environment = Readonly<Record<string, string>>;

export class Machine {
  readonly workstation: Workstation;
  #files = 0;

  constructor(workstation: Workstation) {
    this.workstation = workstation;
  }

  /** A file of the runner's own, by the path that it has there. */
  file(name: string, text = ""): string {
    const path = `${RUNNER}/temp/${++this.#files}-${name}`;
    mkdirSync(dirname(this.workstation.path(path)), { recursive: true, mode: 0o700 });
    writeFileSync(this.workstation.path(path), text, { mode: 0o600 });
    return path;
  }

  /** As runners do it: the lines in a file, and a bash that ends at the first failure. */
  async script(text: string, cwd: string, env: Environment, bash: readonly string[] = ["-e"]): Promise<Result> {
    const file = this.file("script.sh", `${text}\n`);
    return await this.workstation.run(["bash", ...bash, file], { cwd, env: { ...env }, stdin: "" });
  }

  /** What a checkout action leaves: one commit of the repository, and no credentials. */
  async checkOut(repository: string, commit: string): Promise<string> {
    const cwd = `${RUNNER}/work/${++this.#files}/fleet`;
    await this.workstation.output(`
      mkdir -p ${cwd}; cd ${cwd}
      git init --quiet
      git fetch --quiet --depth 1 file://${repository} ${commit}
      git -c advice.detachedHead=false checkout --quiet FETCH_HEAD`);
    return cwd;
  }
}
