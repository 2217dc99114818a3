/** Profiles besides the system, on one host: what deploy-rs would bring, made on the spot, and what came of them. */
import assert from "node:assert/strict";
import type { BeginRequest, ProfileWords } from "../../src/activator/activator.ts";
import type { RunStatus } from "../../src/activator/protocol.ts";
import type { Host } from "../lab/host.ts";
import type { Runs } from "./runs.ts";

export const BLOG: ProfileWords = { name: "blog", user: "root", path: null };
export const BLOG_LINK = "/nix/var/nix/profiles/per-user/root/blog";
export const HOME: ProfileWords = { name: "home", user: "alice", path: null };
export const HOME_LINK = "/home/alice/.local/state/nix/profiles/home";

export class Profiles {
  readonly runs: Runs;
  readonly host: Host;
  readonly #names = new Map<string, string>();

  constructor(runs: Runs) {
    this.runs = runs;
    this.host = runs.host;
  }

  /** A store path with deploy-rs' program in it, which leaves a line in its user's home, and then does as it is told. */
  async deliver(name: string, script = ""): Promise<string> {
    const program = `#!/bin/sh
echo "$(id -un) $HOME $PWD $PROFILE dry=$DRY_ACTIVATE boot=$BOOT" >>"$HOME/trail"
${script}
`;
    return await this.#add(name, `cat >${name}/deploy-rs-activate; chmod +x ${name}/deploy-rs-activate`, program);
  }

  /** A store path without it. */
  async deliverBare(name: string): Promise<string> {
    return await this.#add(name, `cat >${name}/nothing`, name);
  }

  /** A system in a folder of links, as deploy-rs wraps it. */
  async wrap(system: string): Promise<string> {
    return await this.#add(
      "wrapper",
      `cat >wrapper/deploy-rs-activate; chmod +x wrapper/*; ln -s ${system}/* wrapper`,
      "#!/bin/sh\n",
    );
  }

  async #add(name: string, fill: string, stdin: string): Promise<string> {
    const make = `rm -rf /root/make; mkdir -p /root/make/${name}; cd /root/make; ${fill}; nix-store --add ${name}`;
    const path = await this.host.output(make, { stdin });
    this.#names.set(path, name);
    return path;
  }

  request(profile: ProfileWords, release: string, more: Partial<BeginRequest> = {}): BeginRequest {
    return this.runs.request(release, { profile, ...more });
  }

  async commit(profile: ProfileWords, release: string): Promise<void> {
    await this.runs.commit(this.request(profile, release, { confirmationTimeout: 60 }));
    await this.runs.nothingLeft();
  }

  /** Where a link leads: the name of what was delivered; "" where there is none. */
  async at(link: string): Promise<string> {
    const path = await this.host.output(`[ ! -e ${link} ] || readlink -f ${link}`);
    return this.#names.get(path) ?? path;
  }

  /** What was activated, one after another, since it was asked last. */
  async activated(home = "/root"): Promise<string[]> {
    const trail = await this.host.output(`cat ${home}/trail 2>/dev/null || true; rm -f ${home}/trail`);
    return trail
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const path = line.split(" ")[3]!;
        return this.#names.get(path) ?? path;
      });
  }

  /** Begins a run that must end without a way back, with the system as it was and nothing left. Gives how it ended. */
  async doesNotSnapBack(broken: BeginRequest): Promise<RunStatus> {
    const before = await this.host.triple();
    const ended = await this.runs.follow(await this.runs.activator.begin(broken));
    assert.equal(ended.state, "rollback-failed");
    assert.deepEqual(await this.host.triple(), before);
    await this.runs.nothingLeft();
    return ended;
  }
}
