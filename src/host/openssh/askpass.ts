/** Answers the `ssh` that we run when it asks for the passphrase of a key file: over a socket, never by argument, file or variable. */
import { writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { collect } from "../../process.ts";
import { isUnlocked } from "../key-file.ts";
import { quote } from "../quote.ts";
import type { Secrets } from "../secrets.ts";

export interface AskpassServer {
  /** For ssh's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The first file whose passphrase ssh asked for before anybody could be asked: ask, and start again. */
  locked(): string | undefined;
  close(): Promise<void>;
}

/** Run by ssh with its question as the last word: asks us, and prints the answer. */
const HELPER = `
const socket = require("node:net").connect(process.argv[1], () => socket.end(process.argv[2]));
process.exitCode = 1;
socket.on("data", (answer) => { process.exitCode = 0; process.stdout.write(answer); });
`;

/**
 * @param directory private to us
 * @param files the key files that ssh may ask about
 */
export async function serveAskpass(
  directory: string,
  files: readonly string[],
  secrets: Secrets,
): Promise<AskpassServer> {
  const path = join(directory, "ask");
  const program = join(directory, "askpass");
  const command = quote([process.execPath, "-e", HELPER, path]);
  await writeFile(program, `#!/bin/sh\nexec ${command} "$1"\n`, { mode: 0o700 });
  let locked: string | undefined;
  const answer = async (question: string): Promise<Buffer | undefined> => {
    const file = fileIn(question, files);
    if (file === undefined) return undefined;
    // A person would have to hurry, while the host waits for the login: asked for in between, it is known the next time.
    const known = isUnlocked(file, secrets) || secrets.usedUp(file) || !secrets.interactive;
    if (known) return await secrets.passphrase(file);
    locked ??= file;
    return undefined;
  };
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    collect(socket)
      .then(answer)
      // Nothing said is a no.
      .then((passphrase) => (passphrase === undefined ? socket.end() : socket.end(passphrase)))
      .catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    // DISPLAY: versions before 8.4 ask nobody without one.
    env: { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: "force", DISPLAY: process.env.DISPLAY || ":" },
    locked: () => locked,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `Enter passphrase for key '…': `; some versions show the first hundred characters of the name only. */
function fileIn(question: string, files: readonly string[]): string | undefined {
  const name = /^Enter passphrase for key '(.+)': $/s.exec(question)?.[1];
  if (name === undefined) return undefined;
  return files.find((file) => file === name) ?? files.find((file) => name.length === 100 && file.startsWith(name));
}
