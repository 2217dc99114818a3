/** What the demo prints, and the commands that it runs before the person's eyes. */
import { styleOf } from "../../src/report/style.ts";
import type { State } from "../../test/lab/state.ts";
import type { Change } from "./changes.ts";
import { DIRECTORY, type Edit, type Example, type Name } from "./example.ts";

const style = styleOf("stdout");
let steps = 0;

/** What comes now, and why it matters. */
export function step(text: string): void {
  steps += 1;
  console.log(`${steps > 1 ? "\n" : ""}${style.strong(`${steps}. ${text}`)}`);
}

export function say(text: string): void {
  console.log(`   ${text}`);
}

/** Shows what was edited, and deploys it; the exit code. */
export async function showDeploy(example: Example, { edits, command }: Change): Promise<number> {
  for (const edit of edits) showEdit(edit);
  console.log(`${style.dim("$")} ${command.join(" ")}`);
  const deploy = example.workstation.spawn(command, { cwd: DIRECTORY, env: terminal(), stdio: "inherit" });
  return (await deploy.result).code;
}

/** What hosts run and would boot, as they are found from inside, not over their network. */
export function showSystems(example: Example, states: Partial<Record<Name, State>>): void {
  for (const [name, { running, bootDefault }] of Object.entries(states)) {
    const what = running === bootDefault ? `runs and boots ${running}` : `runs ${running}, boots ${bootDefault}`;
    say(`${name.padEnd(4)}  ${style.dim(example.hosts[name as Name].address)}  ${what}`);
  }
}

/** Asks a host, by plain ssh from the workstation. */
export async function showSsh(example: Example, host: Name, command: string): Promise<void> {
  console.log(`${style.dim("$")} ssh ${host} '${command}'`);
  console.log(await example.workstation.output(["ssh", host, command]));
}

function showEdit({ file, before, after }: Edit): void {
  console.log(`   ${style.dim(file)}  ${style.bad(`- ${before}`)}  ${style.good(`+ ${after}`)}`);
}

/** What a program needs to know of our terminal; of the rest of our environment the workstation knows nothing. */
function terminal(): Record<string, string> {
  const names = ["TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
