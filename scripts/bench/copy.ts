/**
 * A closure of 500 MB to one host: by bungee, through its one connection, and by `nix copy` over ssh. Either time begins before the login.
 * Neither side compresses, so what stands in the closure does not matter.
 */
import { FLAKE, Scene } from "../../test/e2e/scene.ts";
import type { Host } from "../../test/lab/host.ts";
import { inTurns, median, seconds } from "./repeat.ts";
import type { Measurement } from "./table.ts";

const HOST = "store";
const KIB = 500_000_000 / 1024;

interface Link {
  readonly key: string;
  readonly what: string;
  /** Mbit/s; none: as fast as the machine is. */
  readonly mbit?: number;
  readonly atLeast: number;
}

const LINKS: readonly Link[] = [
  { key: "copyThroughput", what: "copy of 500 MB, 1 Gbit/s", mbit: 1000, atLeast: 0.95 },
  { key: "copyThroughputUnlimited", what: "copy of 500 MB, unlimited", atLeast: 0.75 },
];

export async function benchCopy(turns: number): Promise<Measurement[]> {
  await using scene = await Scene.open({ hosts: [HOST] });
  await scene.write({ [HOST]: { version: "2", payloadKiB: Math.ceil(KIB) } });
  const system = await scene.build(HOST);
  const host = scene.host(HOST);
  const measurements: Measurement[] = [];
  for (const { key, what, mbit, atLeast } of LINKS) {
    await host.limit(mbit === undefined ? {} : { mbit });
    const took = await inTurns(
      turns,
      () => copied(host, system, () => byBungee(scene)),
      () => copied(host, system, () => byNix(scene, system)),
    );
    const [bungee, plain] = [500 / median(took.bungee), 500 / median(took.plain)];
    measurements.push({
      ...{ key, what, value: bungee / plain, unit: "×", aim: { atLeast } },
      ...{ bungee: `${bungee.toFixed(0)} MB/s`, plain: `${plain.toFixed(0)} MB/s` },
    });
  }
  return measurements;
}

/** The time of a copy, to a host that has nothing of the system before and all of it afterwards. */
async function copied(host: Host, system: string, copy: () => Promise<number>): Promise<number> {
  await host.output("rm -rf /nix/var/nix/gcroots/bungee; nix-collect-garbage");
  const took = await copy();
  await host.output(["nix-store", "--check-validity", system]);
  return took;
}

/** From the login to the last byte; nix evaluates meanwhile, and everything is built. */
async function byBungee(scene: Scene): Promise<number> {
  const { events, stderr } = await scene.deploy(HOST, "--action", "stage");
  const stages = ["connect", "copy"].map((stage) => {
    const finished = events.find((event) => event.type === "stage-finished" && event.stage === stage);
    if (finished?.type !== "stage-finished") throw new Error(`bungee did not ${stage}: ${stderr}`);
    return finished.ms / 1000;
  });
  return stages.reduce((sum, took) => sum + took, 0);
}

async function byNix(scene: Scene, system: string): Promise<number> {
  const copy = ["nix", "copy", "--no-check-sigs", "--to", `ssh-ng://root@${HOST}`, system];
  return await seconds(() => scene.deployer.output(copy, { cwd: FLAKE }));
}
