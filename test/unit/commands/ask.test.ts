import assert from "node:assert/strict";
import { test } from "node:test";
import { approve, ask, isInteractive, listChoices, readChoice } from "../../../src/commands/ask.ts";
import { fakeStreams } from "./streams.ts";

test("a question goes to stderr, the answer is trimmed", async () => {
  const streams = fakeStreams({ terminal: false });
  const answer = ask("Which? ", streams);
  streams.type("  web1 \n");
  assert.equal(await answer, "web1");
  assert.match(streams.said, /^Which\? /);
});

test("Ctrl-D is no answer", async () => {
  const streams = fakeStreams({ terminal: false });
  const answer = ask("Which? ", streams);
  streams.hangUp();
  assert.equal(await answer, null);
});

test("Ctrl-C is no answer", async () => {
  const streams = fakeStreams({ terminal: true });
  const answer = ask("Which? ", streams);
  streams.type("\u0003");
  assert.equal(await answer, null);
});

test("only a clear yes is a yes", async () => {
  const said = async (text: string) => {
    const streams = fakeStreams({ terminal: false });
    const answer = approve("Sure?", streams);
    streams.type(text);
    return answer;
  };
  for (const yes of ["y\n", "Y\n", "yes\n", " YES \n"]) assert.equal(await said(yes), true, yes);
  for (const no of ["\n", "n\n", "no\n", "yeah\n", "yy\n", "y n\n"]) assert.equal(await said(no), false, no);
});

test("a person is there only where both ends are a terminal", () => {
  const [terminal, pipe] = [fakeStreams({ terminal: true }), fakeStreams({ terminal: false })];
  assert.equal(isInteractive(terminal), true);
  assert.equal(isInteractive({ ...terminal, stdin: pipe.stdin }), false);
  assert.equal(isInteractive({ ...terminal, stderr: pipe.stderr }), false);
  // The report may go to a file.
  assert.equal(isInteractive({ ...terminal, stdout: pipe.stdout }), true);
});

const nodes = [
  { name: "db1", addresses: ["10.0.0.1"], labels: { role: "db", tier: "prod" } },
  { name: "web1", addresses: ["10.0.0.2", "web1.example.org"], labels: {} },
  { name: "3", addresses: ["three"], labels: {} },
];

test("the list numbers the nodes", () => {
  assert.deepEqual(listChoices(nodes), [
    "  1  db1   10.0.0.1                    role=db tier=prod",
    "  2  web1  10.0.0.2, web1.example.org",
    "  3  3     three",
  ]);
});

test("numbers become names, other words stay selectors", () => {
  assert.deepEqual(readChoice("2", nodes), ["web1"]);
  assert.deepEqual(readChoice("1,2 role=db !web*", nodes), ["db1", "web1", "role=db", "!web*"]);
  assert.deepEqual(readChoice("9", nodes), ["9"]);
});

test("a node that is called by a number is meant by it", () => assert.deepEqual(readChoice("3", nodes), ["3"]));

test('"all" is everybody, unless somebody has that name', () => {
  assert.equal(readChoice("all", nodes), "all");
  assert.deepEqual(readChoice("all", [...nodes, { ...nodes[0]!, name: "all" }]), ["all"]);
});
