import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatDuration, formatProgress, formatRelease, plural } from "../../../src/report/format.ts";

test("durations", () => {
  const shown = [0, 49, 50, 940, 12_345, 59_940, 59_960, 125_000, 3_599_400, 3_599_600, 3_720_000, -5].map(
    formatDuration,
  );
  assert.deepEqual(shown, [
    "0.0 s",
    "0.0 s",
    "0.1 s",
    "0.9 s",
    "12.3 s",
    "59.9 s",
    "1 min 0 s",
    "2 min 5 s",
    "59 min 59 s",
    "1 h 0 min",
    "1 h 2 min",
    "0.0 s",
  ]);
});

test("bytes", () => {
  const MiB = 1024 * 1024;
  const shown = [0, 1023, 1024, 1536, MiB - 1, 34 * MiB, 1.5 * 1024 * MiB, 3000 * 1024 * MiB * 1024].map(formatBytes);
  assert.deepEqual(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "34.0 MiB", "1.5 GiB", "3000.0 TiB"]);
});

test("progress with and without a total", () => {
  assert.equal(formatProgress(1024, 2048), "1.0 KiB of 2.0 KiB");
  assert.equal(formatProgress(1024, null), "1.0 KiB");
});

test("a release is its name and the beginning of its hash", () => {
  const path = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-web1-25.05";
  assert.equal(formatRelease(path), "nixos-system-web1-25.05 (0123456)");
  assert.equal(formatRelease("/somewhere/else"), "/somewhere/else");
});

test("one host, two hosts", () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => plural(count, "host")),
    ["0 hosts", "1 host", "2 hosts"],
  );
});
