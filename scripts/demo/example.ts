/** The fleet of examples/fleet in the lab: three hosts that run it already, and a workstation with a checkout of it to edit. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../../test/lab/host.ts";
import { type Lab, openLab } from "../../test/lab/lab.ts";
import type { State } from "../../test/lab/state.ts";
import { checkout, type Workstation } from "../../test/lab/workstation.ts";

/** In the order of the addresses that the example gives them. */
const NAMES = ["web1", "web2", "db"] as const;
export type Name = (typeof NAMES)[number];

/** Where the fleet stands on the workstation. */
export const DIRECTORY = "/root/fleet";

/** A changed line of a file of the fleet. */
export interface Edit {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

export class Example implements AsyncDisposable {
  readonly workstation: Workstation;
  readonly hosts: Readonly<Record<Name, Host>>;
  readonly #lab: Lab;

  private constructor(lab: Lab, workstation: Workstation, hosts: Readonly<Record<Name, Host>>) {
    this.#lab = lab;
    this.workstation = workstation;
    this.hosts = hosts;
  }

  /** All hosts on, each with the system that the example has for it, as if NixOS had been installed there. */
  static async open(): Promise<Example> {
    // The example names the addresses of lab 1. Tests that share our sandbox may have that one.
    const lab = await openLab({ number: 1 }).catch(() => openLab());
    const [workstation, [web1, web2, db]] = await Promise.all([lab.workstation(), lab.up(NAMES)]);
    const example = new Example(lab, workstation, { web1: web1!, web2: web2!, db: db! });
    await cp(join(checkout, "examples", "fleet"), workstation.path(DIRECTORY), { recursive: true });
    for (const file of readdirSync(workstation.path(`${DIRECTORY}/hosts`))) {
      example.#rewrite(`hosts/${file}`, (text) => text.replaceAll("10.77.1.", `10.77.${lab.number}.`));
    }
    for (const name of NAMES) await example.#install(name);
    return example;
  }

  /** Replaces a text that stands once in a file of the fleet. */
  edit(file: string, before: string, after: string): Edit {
    this.#rewrite(file, (text) => {
      if (text.split(before).length !== 2) throw new Error(`"${before}" does not stand once in ${file}`);
      return text.replace(before, after);
    });
    return { file, before, after };
  }

  /** What all hosts run, have as their profile, and would boot. */
  async states(): Promise<Record<Name, State>> {
    const states = NAMES.map(async (name) => [name, await this.hosts[name].triple()] as const);
    return Object.fromEntries(await Promise.all(states)) as Record<Name, State>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
  }

  #rewrite(file: string, change: (text: string) => string): void {
    const path = this.workstation.path(`${DIRECTORY}/${file}`);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }

  async #install(name: Name): Promise<void> {
    const attribute = `path:${DIRECTORY}#nixosConfigurations.${name}.config.system.build.toplevel`;
    const built = await this.workstation.output(["nix", "build", "--json", "--no-link", attribute]);
    const [{ outputs }] = JSON.parse(built) as [{ outputs: { out: string } }];
    await this.hosts[name].install(outputs.out, this.workstation);
  }
}
