/** Closures carried from a workstation to a host, past network, sshd and signatures. */
import { must, quote } from "./exec.ts";
import type { Host } from "./host.ts";
import type { Workstation } from "./workstation.ts";

/** Copies a store path and all that it needs. */
export async function copyClosure(path: string, from: Workstation, to: Host): Promise<void> {
  const source = from.enterArgv(`nix-store --export $(nix-store --query --requisites ${path})`);
  const target = await to.enterArgv(["nix-store", "--import"]);
  await must(["bash", "-o", "pipefail", "-c", `${quote(source)} | ${quote(target)}`]);
}
