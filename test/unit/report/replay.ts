/**
 * Run in a terminal by tree.test.ts: a short deployment, in real time, through the tree.
 * Arguments: how many hosts, then words: `ask` puts a question in between, `verbose`, `leave` exits in the middle.
 */
import { createInterface } from "node:readline/promises";
import { styleOf } from "../../../src/report/style.ts";
import { treeReporter } from "../../../src/report/tree.ts";
import type { EventBody } from "../../../src/run/events.ts";
import type { Outcome } from "../../../src/run/outcome.ts";
import { confirmed, plan, rolledBack } from "./events.ts";

const [count = "3", ...words] = process.argv.slice(2);
const nodes = Array.from({ length: Number(count) }, (_, index) => `host${index + 1}`);
const reporter = treeReporter({ output: process.stdout, style: styleOf("stdout"), verbose: words.includes("verbose") });
const emit = (body: EventBody) => reporter.event({ at: new Date().toISOString(), ...body });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

process.on("SIGINT", () => emit({ type: "notice", level: "warning", message: "Ctrl-C: nothing new is started" }));
emit({ type: "log", node: null, source: "nix", line: "warning: Git tree is dirty" });
emit({ type: "deployment-started", deployment: "d", action: "switch", nodes });
await pause(300);
if (words.includes("ask")) {
  emit({ type: "planned", plan });
  await reporter.withTerminal(async () => {
    emit({ type: "log", node: null, source: "nix", line: "warning: meanwhile" });
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await lines.question("go? ");
    lines.close();
    process.stdout.write(`[answered ${answer}]\n`);
  });
}
const outcomes: Record<string, Outcome> = {};
await Promise.all(
  nodes.map(async (node, index) => {
    await pause(index * 10);
    emit({ type: "stage-started", node, stage: "activate" });
    for (let line = 1; line <= 100; line++)
      emit({ type: "log", node, source: "activation", line: `line ${line}\u001b[2J` });
    await pause(4000);
    if (words.includes("leave")) {
      process.stderr.write("left at once\n");
      process.exit(130);
    }
    const outcome = index === 1 ? rolledBack(node) : confirmed(node);
    outcomes[node] = outcome;
    emit({ type: "node-finished", node, outcome, ms: 700 });
  }),
);
await pause(200);
emit({ type: "deployment-finished", deployment: "d", outcomes, exitCode: 1, ms: 1000 });
await reporter.close();
