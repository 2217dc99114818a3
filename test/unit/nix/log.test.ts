import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LogParser, type LogRecord } from "../../../src/nix/log.ts";

const VERSIONS = ["2.8", "2.26", "2.34"] as const;

function recorded(version: string, name: string): Buffer {
  return readFileSync(join(import.meta.dirname, "recorded", `nix-${version}`, name));
}

function parse(...chunks: (string | Buffer)[]): LogRecord[] {
  const records: LogRecord[] = [];
  const parser = new LogParser((record) => records.push(record));
  for (const chunk of chunks) parser.write(Buffer.from(chunk));
  parser.end();
  return records;
}

const nameOf = (drvPath: string) => drvPath.replace(/^\/nix\/store\/\w{32}-/, "");

for (const version of VERSIONS) {
  describe(`recorded with nix ${version}`, () => {
    const build = parse(recorded(version, "build.log"));

    it("a build: what was built, what it printed, how far it is", () => {
      const started = build.flatMap((record) => (record.kind === "build-started" ? [nameOf(record.drvPath)] : []));
      assert.deepEqual(started.sort(), ["bad.drv", "good.drv", "library.drv"]);
      const lines = build.flatMap((record) =>
        record.kind === "build-line" ? [[nameOf(record.drvPath), record.line]] : [],
      );
      assert.deepEqual(lines.sort(), [
        ["bad.drv", "about to fail"],
        ["good.drv", "one"],
        ["good.drv", "two"],
      ]);
      const progress = build.findLast((record) => record.kind === "build-progress");
      assert.ok(progress);
      assert.deepEqual(
        { ...progress, expected: 0 },
        { kind: "build-progress", done: 2, expected: 0, running: 0, failed: 1 },
      );
    });

    it("a build: its errors, without colours", () => {
      const errors = build.flatMap((record) => (record.kind === "error" ? [record.error.message] : []));
      assert.ok(
        errors.some((message) => /bad\.drv'.*failed with exit code 3/s.test(message)),
        errors.join("\n"),
      );
      assert.ok(errors.every((message) => !message.includes("\u001b")));
    });

    it("a throw: message and the options that led there", () => {
      const [error, ...others] = parse(recorded(version, "eval-throws.log"));
      assert.ok(error?.kind === "error" && others.length === 0);
      assert.equal(error.error.message, "Failed assertions:\n- no port");
      assert.ok(
        error.error.trace.some((frame) => frame.message === "while evaluating the option `services.web.port':"),
      );
    });

    it("an error with its position", () => {
      const error = parse(recorded(version, "eval-lacks.log")).find((record) => record.kind === "error")?.error;
      assert.ok(error);
      assert.equal(error.message, "attribute 'toplevel' missing");
      assert.match(error.file ?? "", /^\/nix\/store\/\w{32}-source\/flake\.nix$/);
      assert.deepEqual([error.line, error.column], [14, 22]);
    });

    it("a trace is a message, not an error", () => {
      assert.deepEqual(parse(recorded(version, "eval-trace.log")), [
        { kind: "message", level: 0, text: "trace: hello" },
      ]);
    });

    it("a stack overflow, even when it goes past the logger", () => {
      const [said] = parse(recorded(version, "eval-overflow.log"));
      const text = said?.kind === "plain" ? said.line : said?.kind === "error" ? said.error.message : "";
      assert.match(text, /stack overflow/);
    });

    it("says the same in any pieces", () => {
      const whole = recorded(version, "build.log");
      const bytes = Array.from(whole, (_, index) => whole.subarray(index, index + 1));
      assert.deepEqual(parse(...bytes), build);
    });
  });
}

describe("what is not as it should be", () => {
  for (const line of [
    "@nix",
    "@nix {",
    "@nix null",
    '@nix {"action":"msg"}',
    '@nix {"action":"msg","level":"0","msg":1}',
    '@nix {"action":"dance","id":1}',
    "error: stack overflow",
    "\u0000\u0001binary",
  ]) {
    it(`is kept as it is: ${JSON.stringify(line)}`, () => {
      const [record, ...others] = parse(`${line}\n`);
      assert.deepEqual(others, []);
      assert.deepEqual(record, { kind: "plain", line: line.replaceAll("\u0000", "").replaceAll("\u0001", "") });
    });
  }

  it("keeps a last line without a newline, and no empty ones", () => {
    assert.deepEqual(
      parse("\n\none\n\ntwo").map((record) => record.kind === "plain" && record.line),
      ["one", "two"],
    );
  });

  it("joins letters that come in two pieces", () => {
    const bytes = Buffer.from("é\n");
    assert.deepEqual(parse(bytes.subarray(0, 1), bytes.subarray(1)), [{ kind: "plain", line: "é" }]);
  });

  it("does not keep a line without end, and goes on after it", () => {
    const megabyte = Buffer.alloc(1024 * 1024, "x");
    const records = parse(...Array<Buffer>(40).fill(megabyte), "\nafter\n");
    assert.deepEqual(records, [
      { kind: "plain", line: "(a line too long to keep)" },
      { kind: "plain", line: "after" },
    ]);
  });

  it("takes results of activities it does not know for nothing", () => {
    assert.deepEqual(
      parse('@nix {"action":"result","id":7,"type":101,"fields":["x"]}\n@nix {"action":"stop","id":7}\n'),
      [],
    );
  });

  it("lets no escape sequence through to the terminal", () => {
    const hostile = "\u001b]0;title\u0007\u001b[2Jfine\r\u009b31m";
    const [started, line] = parse(
      `@nix ${JSON.stringify({ action: "start", id: 1, level: 3, type: 105, text: "", fields: ["/nix/store/x.drv"] })}\n`,
      `@nix ${JSON.stringify({ action: "result", id: 1, type: 101, fields: [hostile] })}\n`,
    );
    assert.equal(started?.kind, "build-started");
    assert.deepEqual(line, { kind: "build-line", drvPath: "/nix/store/x.drv", line: "fine" });
  });
});

it("fields that no text can be made of are no text", () => {
  const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
  const log = ['{"toString":1}', deep, "null"].flatMap((field) => [
    '@nix {"action":"start","id":1,"level":3,"type":105,"text":"","fields":["/nix/store/x.drv"]}',
    `@nix {"action":"result","id":1,"type":101,"fields":[${field}]}`,
    '@nix {"action":"start","id":2,"level":3,"type":104,"text":""}',
    `@nix {"action":"result","id":2,"type":105,"fields":[${field},1]}`,
  ]);
  const records: LogRecord[] = [];
  const parser = new LogParser((record) => records.push(record));
  parser.write(Buffer.from(`${log.join("\n")}\n`));
  assert.deepEqual(
    records.filter(({ kind }) => kind !== "build-started"),
    [1, 2, 3].flatMap(() => [
      { kind: "build-line", drvPath: "/nix/store/x.drv", line: "" },
      { kind: "build-progress", done: 0, expected: 1, running: 0, failed: 0 },
    ]),
  );
});

it("what is longer than anybody reads is cut, whatever it is", () => {
  const long = "x".repeat(100_000);
  const record = (fields: object) => `@nix ${JSON.stringify(fields)}\n`;
  const records = parse(
    record({ action: "msg", level: 0, msg: "", raw_msg: long, trace: [{ raw_msg: long }] }),
    record({ action: "msg", level: 1, msg: long }),
    record({ action: "start", id: 1, level: 3, type: 105, text: "", fields: ["/x.drv"] }),
    record({ action: "result", id: 1, type: 101, fields: [long] }),
    `${long}\n`,
  );
  const texts = records.flatMap((each) => {
    if (each.kind === "error") return [each.error.message, ...each.error.trace.map(({ message }) => message)];
    if (each.kind === "message") return [each.text];
    return each.kind === "build-line" || each.kind === "plain" ? [each.line] : [];
  });
  assert.equal(texts.length, 5);
  for (const text of texts) assert.match(text, /^x{16384} … \(83616 more characters\)$/);
});
