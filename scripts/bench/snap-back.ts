/** How long a host is without a working system: from the moment an activation fails until the old system runs again. */
import { Scene } from "../../test/e2e/scene.ts";
import { median } from "./repeat.ts";
import type { Measurement } from "./table.ts";

const HOST = "faller";

/** The new system has stopped, replaced and started everything, and then its activation exits 1. */
const FAILS = "touch /run/failed; exit 1";

export async function benchSnapBack(turns: number): Promise<Measurement[]> {
  await using scene = await Scene.open({ hosts: [HOST] });
  const took: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const spec = { version: `bad${turn}`, config: { standin: { faults: { started: FAILS } } } };
    await scene.write({ [HOST]: spec });
    const { outcomes, stderr } = await scene.deploy(HOST);
    if (outcomes[HOST]?.kind !== "rolled-back") throw new Error(`the host did not snap back: ${stderr}`);
    took.push(await timeOnHost(scene));
  }
  const value = median(took);
  return [
    {
      key: "snapBackSeconds",
      what: "activation fails → old system runs",
      bungee: `${value.toFixed(2)} s`,
      value,
      unit: "s",
    },
  ];
}

/** The host's own clock on both ends. The last change of the state's name is its arrival at rolled-back. */
async function timeOnHost(scene: Scene): Promise<number> {
  const times = await scene
    .host(HOST)
    .output(
      'run=$(ls -t /var/lib/bungee/runs | head -n 1); stat -c %.3Z /run/failed "/var/lib/bungee/runs/$run/state/rolled-back"',
    );
  const [failed, back] = times.split("\n").map(Number);
  return back! - failed!;
}
