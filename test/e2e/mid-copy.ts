/** Moments in the middle of a copy, and of a build on the host, in which a line can be broken. */
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import type { Running } from "../lab/inside.ts";
import type { Scene } from "./scene.ts";

/** Starts to deploy all, and runs a script on each of `copies` when a part of its copy is there: slowly enough for a busy machine to be in time. */
export async function deployAndStrike(scene: Scene, copies: readonly string[], script: string): Promise<Running> {
  for (const name of copies) await scene.host(name).limit({ mbit: 4 });
  const running = scene.start("deploy", "--all", "--report", "json");
  await Promise.all(
    copies.map(async (name) => {
      const isCopying = new RegExp(`"node":"${name}","stage":"copy","done":\\d{6}`);
      while (!isCopying.test(running.stdout) && running.alive) await pause(20);
      await scene.host(name).output(script);
      await scene.host(name).limit({});
    }),
  );
  return running;
}

/** Nix runs it after each derivation, and does nothing else meanwhile. */
export async function hookAfterBuilds(host: Host, script: string): Promise<void> {
  await host.output("cat >/root/hook; chmod 755 /root/hook", { stdin: `#!/bin/sh\n${script}\n` });
  await host.output("echo post-build-hook = /root/hook >>/etc/nix/nix.conf");
}
