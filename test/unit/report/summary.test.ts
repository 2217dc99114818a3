import assert from "node:assert/strict";
import { test } from "node:test";
import { PLAIN } from "../../../src/report/style.ts";
import { renderSummary, type Summary } from "../../../src/report/summary.ts";
import { ACTIONS, type Outcome } from "../../../src/run/outcome.ts";
import { before, confirmed, release, rolledBack, tripleBefore, unreachable } from "./events.ts";

function shown(
  outcomes: Record<string, Outcome>,
  summary: Partial<Summary> = {},
  columns = 80,
  details = true,
): string {
  return renderSummary(
    {
      action: "switch",
      outcomes: new Map(Object.entries(outcomes)),
      took: new Map(),
      exitCode: 0,
      ms: 1000,
      ...summary,
    },
    { style: PLAIN, columns, details },
  ).join("\n");
}

test("what a person must act on stands last, wrapped for the terminal, with what was said", () => {
  const outcomes: Record<string, Outcome> = {
    web2: rolledBack("web2"),
    db1: unreachable,
    web1: confirmed("web1"),
    web3: { kind: "unchanged", release: release("web3") },
    web4: { kind: "skipped", why: "db1, which it comes after, is failed" },
  };
  const took = new Map([
    ["web2", 65_000],
    ["db1", 900],
    ["web1", 12_000],
    ["web3", 0],
    ["web4", 0],
  ]);
  assert.equal(
    shown(outcomes, { took, exitCode: 1, ms: 65_100 }),
    `web3  unchanged        0.0 s  runs and boots nixos-system-web3-25.05 (0123456)
                              already
web1  confirmed       12.0 s  runs and boots nixos-system-web1-25.05 (0123456)
web4  skipped                 db1, which it comes after, is failed
db1   failed           0.9 s  cannot reach db1: 10.77.0.13 port 22: connection
                              refused
    what the host runs and boots was not touched
    mend: is it on? try: ssh 10.77.0.13
web2  rolled back  1 min 5 s  no confirmation came within 30 s
    │ last of 9 tries to confirm: cannot reach web2: 10.77.0.12 port 22: connection timed out
    runs again what it ran before, seen over a fresh connection:
    /nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-nixos-system-web2-24.11
    mend: the new system could not be reached or was not well: look at its
          network, firewall, sshd, keys and sudo rules

5 hosts in 1 min 5 s: 1 unchanged, 1 confirmed, 1 skipped, 1 failed, 1 rolled back
exit 1: not every host is as wanted; each is in a known good state`,
  );
});

test("a way back that nobody saw is told as that, and needs a person", () => {
  const unseen: Outcome = {
    ...rolledBack("web2"),
    verified: false,
    doubts: ["it runs a, and ran b", "units fail"],
  } as Outcome;
  assert.equal(
    shown({ web2: unseen, web1: confirmed("web1") }, { exitCode: 3 }, 200, false),
    `web1  confirmed      runs and boots nixos-system-web1-25.05 (0123456)
web2  rolled back    no confirmation came within 30 s
    NOT VERIFIED that all is as before: it runs a, and ran b; units fail
    last known to run: ${before("web2")}
    look at it: ssh web2 readlink -f /run/current-system
    mend: the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules

2 hosts in 1.0 s: 1 confirmed, 1 rolled back
exit 3: a person must look at web2`,
  );
});

test("a boot default that differs from what runs is told too", () => {
  const outcome = {
    ...rolledBack("web2"),
    restored: { ...tripleBefore("web2"), bootDefault: release("web2") },
  } as Outcome;
  assert.ok(shown({ web2: outcome }, { exitCode: 1 }, 200).includes(`    boots, as before: ${release("web2")}\n`));
});

test("a log that fails many is shown once", () => {
  const failed: Outcome = {
    kind: "failed",
    why: { code: "build", message: "it does not build", mend: "mend it", detail: "cc: no" },
  };
  assert.equal(
    shown({ a: failed, b: failed }, { exitCode: 1 }),
    `a  failed    it does not build
    │ cc: no
    what the host runs and boots was not touched
    mend: mend it
b  failed    it does not build
    │ (as for a)
    what the host runs and boots was not touched
    mend: mend it

2 hosts in 1.0 s: 2 failed
exit 1: not every host is as wanted; each is in a known good state`,
  );
});

test("the same outcome means another thing for another action", () => {
  const first = (action: Summary["action"], outcome: Outcome) => shown({ w: outcome }, { action }, 200).split("\n")[0];
  const path = release("w");
  const name = "nixos-system-w-25.05 (0123456)";
  assert.deepEqual(ACTIONS.map((action) => first(action, { kind: "confirmed", release: path })).slice(3), [
    `w  confirmed    runs ${name} until its next reboot`,
    `w  confirmed    runs and boots ${name}`,
    `w  confirmed    boots ${name} at its next reboot; what runs now was left alone`,
  ]);
  assert.deepEqual(
    (["test", "switch", "boot"] as const).map((action) => first(action, { kind: "unchanged", release: path })),
    [
      `w  unchanged    runs ${name} already`,
      `w  unchanged    runs and boots ${name} already`,
      `w  unchanged    boots ${name} already`,
    ],
  );
  assert.equal(first("build", { kind: "staged", release: path }), `w  built    ${name}; nothing was copied`);
  assert.equal(
    first("stage", { kind: "staged", release: path }),
    `w  staged    has ${name}, kept by a GC root; nothing was activated`,
  );
  assert.equal(
    first("dry-activate", { kind: "previewed", release: path }),
    `w  previewed    ${name}: the log says what it would do; nothing was changed`,
  );
});

test("what each exit code means", () => {
  const last = (exitCode: number) =>
    shown({ w: confirmed("w") }, { exitCode })
      .split("\n")
      .at(-1);
  assert.equal(last(0), "1 host in 1.0 s: 1 confirmed");
  assert.equal(last(1), "exit 1: not every host is as wanted; each is in a known good state");
  assert.equal(last(130), "exit 130: interrupted; each host is in a known good state");
});

test("a dry run has no outcomes: its plan was the end", () => {
  assert.equal(shown({}), "");
  assert.equal(shown({}, { exitCode: 1 }), "exit 1: not every host could be looked at; nothing was changed");
});

test("names and messages from elsewhere are cleaned", () => {
  const failed: Outcome = { kind: "failed", why: { code: "x", message: "no\u001b[2J\nsecond", mend: "do\u0007" } };
  assert.equal(
    shown({ "::w\u009b": failed }, { exitCode: 1 }).split("\n").slice(0, 3).join("\n"),
    ": :w�  failed    no\n    what the host runs and boots was not touched\n    mend: do␇",
  );
});

test("a profile besides the system does not boot, and does not run what nobody could look up", () => {
  const profile = "blog";
  const blog = "/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-blog";
  const there = { running: blog, profile: blog, bootDefault: null };
  const why = { code: "unconfirmed", message: "nobody confirmed", mend: "look at it" };
  const outcomes: Record<string, Outcome> = {
    one: { kind: "unchanged", release: blog, profile },
    two: { kind: "confirmed", release: blog, profile },
    three: { kind: "rolled-back", why, profile, restored: there, verified: true, doubts: [] },
  };
  const text = shown(outcomes, {}, 200);
  for (const part of [
    "profile blog is blog (zyxwvsr) already",
    "profile blog is blog (zyxwvsr)\n",
    `profile blog is what it was, seen over a fresh connection: ${blog}`,
  ])
    assert.ok(text.includes(part), `${part} in ${text}`);
  assert.doesNotMatch(text, /runs|boots/);
  const tested = shown({ two: { kind: "confirmed", release: blog, profile } }, { action: "test" }, 200);
  assert.match(tested, /profile blog was activated as blog \(zyxwvsr\), and not set/);
});
