/** Trees that look like hosts, for src/activator/metrics.sh. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

export const script = join(import.meta.dirname, "..", "..", "src/activator/metrics.sh");

/** A host's root directory. `current`, `booted` and generations name systems, which share what `kernelOf` says. */
export class Tree {
  readonly root: string;
  readonly file: string;

  constructor(test: TestContext, hostName = "web1") {
    this.root = mkdtempSync(join(tmpdir(), "bungee-metrics-"));
    this.file = join(this.root, "textfiles", "bungee.prom");
    test.after(() => rmSync(this.root, { recursive: true, force: true }));
    this.write("proc/sys/kernel/hostname", `${hostName}\n`);
    mkdirSync(join(this.root, "nix/var/nix/profiles"), { recursive: true });
    mkdirSync(join(this.root, "run"));
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  link(path: string, to: string): void {
    rmSync(join(this.root, path), { force: true });
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    symlinkSync(to, join(this.root, path));
  }

  system(name: string, kernel = "6.6"): string {
    const system = `nix/store/${name}`;
    this.write(`${system}/nixos-version`, `24.05.${name}`);
    for (const part of ["kernel", "initrd", "kernel-modules"]) {
      this.write(`nix/store/${part}-${kernel}`, "");
      // Two toplevels may link to one kernel by names of their own.
      this.link(`nix/store/${name}-${part}`, join(this.root, `nix/store/${part}-${kernel}`));
      this.link(`${system}/${part}`, join(this.root, `nix/store/${name}-${part}`));
    }
    return join(this.root, system);
  }

  host(state: { generations: readonly string[]; profile: number; current: string; booted: string }): this {
    const at = (system: string) => join(this.root, "nix/store", system);
    for (const [index, system] of state.generations.entries())
      this.link(`nix/var/nix/profiles/system-${index + 1}-link`, at(system));
    this.link("nix/var/nix/profiles/system", `system-${state.profile}-link`);
    this.link("run/current-system", at(state.current));
    this.link("run/booted-system", at(state.booted));
    return this;
  }

  run(before = ""): { status: number | null; stderr: string } {
    const argv = ["-c", `${before} exec sh "$@"`, "sh", script, this.file, this.root];
    return spawnSync("sh", argv, { encoding: "utf8" });
  }

  /** "name{labels}" → value, without the label that all have. */
  metrics(): Map<string, string> {
    assert.deepEqual(
      { ...this.run(), stdout: "", output: [], pid: 0 },
      { status: 0, stderr: "", stdout: "", output: [], pid: 0, signal: null },
    );
    return parse(readFileSync(this.file, "utf8"));
  }
}

function parse(text: string): Map<string, string> {
  const told = new Set<string>();
  const lines = text.trimEnd().split("\n");
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, about, name = "", rest = ""] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
      if (about === "HELP") told.add(name);
      if (about === "TYPE") assert.ok(told.has(name) && rest === "gauge", line);
      if (about !== undefined) return [];
      const sample = /^(\w+)\{host="((?:[^"\\]|\\.)*)",?(.*)\} (-?\d+)$/.exec(line);
      assert.ok(sample && told.has(sample[1]!), line);
      return [[sample[3] ? `${sample[1]}{${sample[3]}}` : sample[1]!, sample[4]!]];
    }),
  );
}
