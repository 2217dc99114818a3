import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { githubReporter } from "../../../src/report/github.ts";
import type { EventBody } from "../../../src/run/events.ts";
import type { Outcome } from "../../../src/run/outcome.ts";
import { capture } from "./capture.ts";
import { at, confirmed, good, hostile, interrupted, mixed } from "./events.ts";
import { reported } from "./runner.ts";

/** As the runners read it: a line that begins, behind blanks, with two colons; or has the older form anywhere. */
const commandsIn = (lines: readonly string[]) => lines.filter((line) => /^\s*::|##\[/.test(line));

test("one goes back, one was never reached: what is printed", async () => {
  const { lines } = await reported(mixed());
  assert.deepEqual(lines, [
    "    0.0s  bungee  switch on 3 hosts: web1, web2, db1",
    "    0.1s  db1     connecting",
    "    1.1s  db1     connection failed after 1.0 s: cannot reach db1: 10.77.0.13 port 22: connection refused",
    "    1.1s  db1     failed after 1.0 s: cannot reach db1: 10.77.0.13 port 22: connection refused",
    "::error title=db1 failed::cannot reach db1: 10.77.0.13 port 22: connection refused%0Amend: is it on? try: ssh 10.77.0.13",
    "    2.0s  web2    activating",
    "    3.0s  web2    activation took 1.0 s",
    "    3.0s  web2    confirming",
    "   20.0s  web1    confirmed after 19.0 s: runs and boots nixos-system-web1-25.05 (0123456)",
    "   33.0s  web2    confirmation took 30.0 s",
    "   33.0s  web2    rolling back",
    "   35.0s  web2    rollback took 2.0 s",
    "   35.0s  web2    snapped back: no confirmation came within 30 s",
    "   36.0s  web2    rolled back after 35.0 s: no confirmation came within 30 s",
    "::group::web2: rolled back, its log",
    "│ stopping the following units: network-lab.service",
    "::endgroup::",
    "::error title=web2 rolled back::no confirmation came within 30 s%0Amend: the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules",
    "",
    "web1  confirmed    19.0 s  runs and boots nixos-system-web1-25.05 (0123456)",
    "db1   failed        1.0 s  cannot reach db1: 10.77.0.13 port 22: connection refused",
    "    what the host runs and boots was not touched",
    "    mend: is it on? try: ssh 10.77.0.13",
    "web2  rolled back  35.0 s  no confirmation came within 30 s",
    "    runs again what it ran before, seen over a fresh connection: /nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-nixos-system-web2-24.11",
    "    mend: the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules",
    "",
    "3 hosts in 36.1 s: 1 confirmed, 1 failed, 1 rolled back",
    "exit 1: not every host is as wanted; each is in a known good state",
    "",
  ]);
});

test("the summary: what must be acted on first, with its mend; and what nix or the host said, folded", async () => {
  const { summary } = await reported(mixed());
  assert.equal(
    summary,
    [
      "### bungee: switch on 3 hosts in 36.1 s",
      "",
      "**exit 1&#58; not every host is as wanted; each is in a known good state**",
      "",
      "| | host | outcome | time | what | mend |",
      "|---|---|---|---|---|---|",
      "| ❌ | web2 | rolled back | 35.0 s | no confirmation came within 30 s<br>runs again what it ran before, seen over a fresh connection&#58; /nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-nixos-system-web2-24.11 | the new system could not be reached or was not well&#58; look at its network, firewall, sshd, keys and sudo rules |",
      "| ❌ | db1 | failed | 1.0 s | cannot reach db1&#58; 10.77.0.13 port 22&#58; connection refused<br>what the host runs and boots was not touched | is it on? try&#58; ssh 10.77.0.13 |",
      "| ✅ | web1 | confirmed | 19.0 s | runs and boots nixos-system-web1-25.05 (0123456) |  |",
      "",
      "<details><summary>web2</summary>",
      "",
      "<pre>",
      "last of 9 tries to confirm&#58; cannot reach web2&#58; 10.77.0.12 port 22&#58; connection timed out",
      "</pre>",
      "",
      "</details>",
      "",
    ].join("\n"),
  );
});

test("the outputs for later steps", async () => {
  const { output } = await reported(mixed());
  assert.deepEqual(output.split("\n"), [
    "exit-code=1",
    'deployed=["web1"]',
    'confirmed=["web1"]',
    "unchanged=[]",
    "staged=[]",
    "previewed=[]",
    'rolled-back=["web2"]',
    "skipped=[]",
    'failed=["db1"]',
    "unknown=[]",
    "",
  ]);
});

test("a good deployment has no annotation, and each host's log in a group", async () => {
  const { lines, summary } = await reported(good());
  const groups = ["web1", "web2", "db1"].flatMap((node) => [`::group::${node}: confirmed, its log`, "::endgroup::"]);
  assert.deepEqual(commandsIn(lines), groups);
  assert.doesNotMatch(summary, /exit|<details>/);
});

test("a skipped host and an interruption are warnings", async () => {
  const { lines } = await reported(interrupted());
  assert.deepEqual(commandsIn(lines), [
    "::warning::Ctrl-C: nothing new is started; web1 is being finished. Once more leaves at once.",
    "::warning title=web2 skipped::interrupted before it began",
  ]);
});

test("what a host prints is never a command", async () => {
  const { lines, summary } = await reported(hostile());
  assert.deepEqual(
    commandsIn(lines).map((line) => line.replace(/(::[a-z]+).*/, "$1")),
    ["::group", "::endgroup", "::error"],
  );
  const start = lines.findIndex((line) => line.startsWith("::group"));
  assert.deepEqual(lines.slice(start + 1, start + 4), [
    "│ red and a link",
    "│ : :error file=app.js::you have been had",
    "│ x # #[group]y # #vso[task.setvariable]z # #teamcity[a]",
  ]);
  assert.doesNotMatch(summary, /\u001b|^::/m);
});

describe("names and errors that others chose", () => {
  const node = "x\n::error::had|<img src=x>`@all`";
  const outcome: Outcome = {
    kind: "failed",
    why: {
      code: "build",
      message: "100% wrong,\r\n::set-env name=PATH::/evil\nof [it](http://evil)",
      mend: "::stop-commands::x",
      detail: "</pre></details>\n\n::error::x\n# heading | cell\n![i](http://evil)",
    },
  };
  const events = at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: [node] }],
    [1, { type: "log", node, source: "activation", line: "::add-mask::a" }],
    [2, { type: "log", node: null, source: "nix", line: "  ::set-output name=x::y" }],
    [3, { type: "notice", level: "warning", message: "one\n::error::two" }],
    [4, { type: "node-finished", node, outcome, ms: 1 }],
    [5, { type: "deployment-finished", deployment: "d1", outcomes: { [node]: outcome }, exitCode: 1, ms: 5 }],
  ] satisfies (readonly [number, EventBody])[]);

  test("begin no command, and end none early", async () => {
    const { lines } = await reported(events);
    assert.deepEqual(
      commandsIn(lines).map((line) => line.split(" ")[0]!.split("::")[1]),
      ["warning", "group", "endgroup", "error"],
    );
    const error = lines.find((line) => line.startsWith("::error"))!;
    assert.equal(
      error,
      "::error title=x␊%3A%3Aerror%3A%3Ahad|<img src=x>`@all` failed::100%25 wrong,%0Amend: : :stop-commands::x",
    );
  });

  test("are plain text in the summary", async () => {
    const { summary } = await reported(events);
    assert.deepEqual(
      [...summary.matchAll(/<[^>]*>/g)].map(([tag]) => tag),
      ["<br>", "<details>", "<summary>", "</summary>", "<pre>", "</pre>", "</details>"],
    );
    assert.doesNotMatch(summary.replace(/^###.*$/m, "").replaceAll(/&#\d+;/g, ""), /[`@[\]#!]|http:/);
    const rows = summary.split("\n").filter((line) => line.startsWith("| ❌"));
    assert.equal(rows.length, 1);
    assert.equal(rows[0]!.split("|").length, 8, "six cells");
  });

  test("are one line each in the outputs", async () => {
    const { output } = await reported(events);
    const lines = output.split("\n").slice(0, -1);
    assert.equal(lines.length, 10);
    for (const line of lines) assert.match(line, /^[a-z-]+=(\d+|\[.*\])$/);
    const [, list] = lines.find((line) => line.startsWith("failed="))!.split(/=(.*)/s);
    assert.deepEqual(JSON.parse(list!), [node]);
  });
});

test("a command that could not start is an annotation, a summary and an exit code", async () => {
  const error = { code: "usage", message: "the branch test-x names no host", mend: "rename it" };
  const { lines, summary, output } = await reported(at([[0, { type: "command-failed", error, exitCode: 2 }]]));
  assert.deepEqual(lines, ["::error title=bungee::the branch test-x names no host%0Amend: rename it", ""]);
  assert.match(
    summary,
    /^### bungee: nothing was started\n\n\*\*the branch test-x names no host\*\*\n\nmend: rename it\n$/,
  );
  assert.match(output, /^exit-code=2\ndeployed=\[\]\n/);
});

test("logs of hosts that were left in the middle are printed at the end", async () => {
  const { lines } = await reported(good().filter(({ type }) => type !== "node-finished"));
  assert.equal(lines.filter((line) => line === "│ restarting the following units: nginx.service").length, 3);
});

test("without --verbose, what is for it is left out", async () => {
  const log: EventBody = { type: "log", node: "web1", source: "nix", line: "copying path", verbose: true };
  const events = at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: ["web1"] }],
    [1, log],
    [2, { type: "node-finished", node: "web1", outcome: confirmed("web1"), ms: 1 }],
  ]);
  assert.deepEqual(commandsIn((await reported(events)).lines), []);
  assert.ok((await reported(events, { verbose: true })).lines.includes("│ nix: copying path"));
});

test("files that cannot be written, or are not there, take nothing from the report", async () => {
  const unwritable = { GITHUB_STEP_SUMMARY: "/nowhere/at/all", GITHUB_OUTPUT: "/nowhere/at/all" };
  const text = await capture((given) => githubReporter(given, unwritable), good());
  assert.equal(text.match(/^::warning::what the runner should have read could not be written: ENOENT/gm)?.length, 2);
  assert.doesNotMatch(await capture((given) => githubReporter(given, {}), good()), /::warning/);
});
