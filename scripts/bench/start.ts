/** How long a short command takes, most of which is loading modules: with what node compiled at an earlier start, and without. */
import { MAIN } from "../../test/e2e/scene.ts";
import { openLab } from "../../test/lab/lab.ts";
import { inTurns, median, seconds } from "./repeat.ts";
import type { Measurement } from "./table.ts";

/** One start is over too soon to be measured alone. */
const STARTS = 5;

export async function benchStart(turns: number): Promise<Measurement[]> {
  await using lab = await openLab();
  const deployer = await lab.workstation();
  // Not where the lab keeps it for all: where bungee itself does.
  const start = ["env", "--unset=NODE_COMPILE_CACHE", "node", MAIN, "--version"];
  const starts = (env: Record<string, string>) => async () => {
    for (let count = 0; count < STARTS; count++) await deployer.output(start, { env });
  };
  await starts({})();
  const took = await inTurns(
    turns,
    () => seconds(starts({})),
    () => seconds(starts({ NODE_DISABLE_COMPILE_CACHE: "1" })),
  );
  const [bungee, plain] = [median(took.bungee) / STARTS, median(took.plain) / STARTS];
  return [
    {
      ...{
        key: "start",
        what: "bungee --version, compiled before",
        value: bungee / plain,
        unit: "×",
        aim: { atMost: 0.7 },
      },
      ...{ bungee: `${bungee.toFixed(2)} s`, plain: `${plain.toFixed(2)} s` },
    },
  ];
}
