/** An output that remembers, and a reporter run over events. */
import type { Reporter, ReporterOptions } from "../../../src/report/reporter.ts";
import { PLAIN } from "../../../src/report/style.ts";
import type { Event } from "../../../src/run/events.ts";

export async function capture(
  open: (options: ReporterOptions) => Reporter,
  events: readonly Event[],
  options: Partial<Omit<ReporterOptions, "output">> = {},
): Promise<string> {
  let text = "";
  const output = {
    isTTY: false,
    write(chunk: string) {
      text += chunk;
      return true;
    },
  } as unknown as NodeJS.WriteStream;
  const reporter = open({ style: PLAIN, verbose: false, ...options, output });
  for (const event of events) reporter.event(event);
  await reporter.close();
  return text;
}
