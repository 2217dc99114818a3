/** Connecting as one step, for tests that look at how it ends. */
import assert from "node:assert/strict";
import { BungeeError } from "../../../src/errors.ts";
import type { ConnectOptions, Target } from "../../../src/host/connection.ts";
import { dialer } from "../../../src/host/dial.ts";
import { type TestSshd, withSshConfig } from "./sshd.ts";

/** What the port promises is tried over each of them. */
export const TRANSPORTS = ["ssh2", "openssh"] as const;

/** Connects by this ssh_config, runs one command, closes; gives its output, or throws what connecting threw. */
export function visit(
  sshd: TestSshd,
  config: string,
  target: Partial<Target> = {},
  options: ConnectOptions = {},
): Promise<string> {
  return withSshConfig(sshd.path("config"), config, async () => {
    // A new one: what it learned of other hosts at this address would be wrong.
    const connection = await dialer()({ node: "web1", addresses: ["web"], ...target }, options);
    try {
      const { stdout } = await connection.run({ argv: ["sh", "-c", "echo $SSH_CONNECTION"] });
      return `${connection.address} ${stdout.trim()}`;
    } finally {
      await connection.close();
    }
  });
}

/** What connecting threw. */
export async function failure(...args: Parameters<typeof visit>): Promise<BungeeError> {
  const error = await visit(...args).then(
    (output) => assert.fail(`it connected: ${output}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof BungeeError, String(error));
  return error;
}

/** The same over one transport. */
export const visitOver =
  (ssh: (typeof TRANSPORTS)[number]): typeof visit =>
  (sshd, config, target, options) =>
    visit(sshd, config, { ssh, ...target }, options);

export const failureOver =
  (ssh: (typeof TRANSPORTS)[number]): typeof failure =>
  (sshd, config, target, options) =>
    failure(sshd, config, { ssh, ...target }, options);
