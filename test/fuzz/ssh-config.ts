/** What `ssh -G` prints, from the real one and spoiled: settings of the right types, or one error. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { ConfigurationError } from "../../src/errors.ts";
import { parseHop } from "../../src/host/destination.ts";
import { parseSshConfig } from "../../src/host/ssh-config.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, listOf, mutated, shuffled } from "./hostile.ts";
import { pure } from "./target.ts";

type Input = { readonly text: string; readonly hop: string };

let printed: readonly string[] | undefined;
const lines = () =>
  (printed ??= execFileSync("ssh", ["-G", "-T", "-F", "/dev/null", "-J", "a,b@c:22", "web1"], {
    encoding: "utf8",
  }).split("\n"));

const KEYS = [
  "hostname",
  "port",
  "user",
  "proxyjump",
  "proxycommand",
  "identityfile",
  "identityagent",
  "userknownhostsfile",
  "serveraliveinterval",
  "connecttimeout",
  "stricthostkeychecking",
  "addressfamily",
  "__proto__",
  "constructor",
  "toString",
];

function generate(random: Random): Input {
  const changed = lines().flatMap((line) => {
    if (!random.chance(6)) return [line];
    const [key = ""] = line.split(" ");
    return random.pick([
      [],
      [line, line],
      [mutated(random, line)],
      [`${key} ${hostileText(random)}`],
      [key],
      [`${key} `],
    ]);
  });
  const more = listOf(random, 0, 3, () => `${random.pick(KEYS)} ${hostileText(random)}`);
  const hop = random.chance(50)
    ? mutated(random, random.pick(["a@b:22", "[::1]:22", "ssh://u@h:2/", "h"]))
    : hostileText(random);
  return { text: shuffled(random, [...changed, ...more]).join(random.pick(["\n", "\n", "\r\n"])), hop };
}

function check({ text, hop }: Input): void {
  attempt(() => {
    const config = parseSshConfig(text);
    assert.ok(Number.isInteger(config.port) && config.port > 0 && config.port < 65536);
    assert.equal(typeof config.hostname, "string");
    for (const [key, value] of Object.entries(config)) {
      const number =
        ["port", "connecttimeout", "serveraliveinterval", "serveralivecountmax"].includes(key) && value !== undefined;
      if (number) assert.ok(Number.isFinite(value), `${key} is ${value}`);
      assert.notEqual(typeof value, "function", key);
    }
  });
  attempt(() => assert.ok(parseHop(hop).address.length > 0));
}

function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    assert.ok(
      error instanceof ConfigurationError,
      `not an error of ours: ${error instanceof Error ? error.stack : error}`,
    );
    assert.ok(error.mend.length > 0 && error.mend.length < 1000);
  }
}

export const sshConfig = pure<Input>({ name: "ssh-config", share: 1500, generate, check });
