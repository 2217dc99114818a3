/** Streams that a test types into and reads from. */
import { PassThrough } from "node:stream";
import type { Streams } from "../../../src/commands/verb.ts";

export interface FakeStreams extends Streams {
  type(text: string): void;
  /** Ends the input, as Ctrl-D does. */
  hangUp(): void;
  /** What was written to stderr. */
  readonly said: string;
}

export function fakeStreams({ terminal }: { readonly terminal: boolean }): FakeStreams {
  let said = "";
  const stdin = new PassThrough();
  const stderr = new PassThrough();
  stderr.on("data", (chunk) => {
    said += String(chunk);
  });
  const isTTY = terminal;
  return {
    stdin: Object.assign(stdin, { isTTY, setRawMode: () => stdin }) as unknown as NodeJS.ReadStream,
    stdout: Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream,
    stderr: Object.assign(stderr, { isTTY, columns: 80 }) as unknown as NodeJS.WriteStream,
    type: (text) => void stdin.write(text),
    hangUp: () => void stdin.end(),
    get said() {
      return said;
    },
  };
}
