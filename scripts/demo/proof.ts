/** Whether the hosts ended as the demo says. */
import type { State } from "../../test/lab/state.ts";
import type { Name } from "./example.ts";

type States = Readonly<Record<Name, State>>;

/** What the demo tells is not what happened. */
export class NotSo extends Error {}

/** Every host runs, keeps and would boot another system than before. */
export function assertUpgraded(exitCode: number, before: States, after: States): void {
  expect(exitCode === 0, `the deploy should have ended with 0, not ${exitCode}`);
  for (const [name, { running, profile, bootDefault }] of Object.entries(after)) {
    expect(running !== null && running !== before[name as Name].running, `${name} still runs ${running}`);
    expect(
      profile === running && bootDefault === running,
      `${name} runs ${running}, has ${profile}, boots ${bootDefault}`,
    );
  }
}

/** The deploy failed, and every host is what it was. */
export function assertCameBack(exitCode: number, before: States, after: States): void {
  expect(exitCode === 1, `the deploy should have ended with 1, not ${exitCode}`);
  for (const [name, state] of Object.entries(after)) {
    const was = JSON.stringify(before[name as Name]);
    expect(JSON.stringify(state) === was, `${name} was ${was} and is ${JSON.stringify(state)}`);
  }
}

function expect(met: boolean, complaint: string): void {
  if (!met) throw new NotSo(complaint);
}
