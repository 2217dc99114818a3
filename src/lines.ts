/** Cuts a stream of bytes into lines; what is left without a newline comes at the end. */
import { StringDecoder } from "node:string_decoder";

/** A longer line is passed on in pieces, so that whoever sends no newline costs no memory. */
const LONGEST = 16 * 1024;

export function lineSplitter(onLine: (line: string) => void): { push: (chunk: Buffer) => void; end: () => void } {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return {
    push(chunk) {
      const parts = (rest + decoder.write(chunk)).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) onLine(line.replace(/\r$/, ""));
      while (rest.length > LONGEST) {
        onLine(rest.slice(0, LONGEST));
        rest = rest.slice(LONGEST);
      }
    },
    end() {
      const last = rest + decoder.end();
      if (last !== "") onLine(last);
      rest = "";
    },
  };
}
