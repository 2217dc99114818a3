/** The house's order, held by a test: imports run one way, processes start in two rooms, and files stay small. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const src = join(import.meta.dirname, "..", "..", "src");

/** What a room may import from, besides itself. `process.ts`, `errors.ts` and the like stand below all. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["commands", "compiled.ts"],
  "compiled.ts": [],
  commands: ["ci", "templates", "report", "run", "fleet", "host"],
  ci: ["run", "fleet"],
  templates: [],
  report: ["run/events.ts", "run/outcome.ts", "run/plan.ts"],
  run: ["activator", "fleet", "host", "nix"],
  activator: ["host/connection.ts"],
  fleet: ["nix"],
  host: [],
  nix: [],
  "process.ts": [],
  "errors.ts": [],
  "lines.ts": [],
  "xdg.ts": [],
};
const BELOW_ALL = ["process.ts", "errors.ts", "lines.ts", "xdg.ts"];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = globSync("**/*.ts", { cwd: src });

const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(src, from), "utf8");
  return [...text.matchAll(/(?:^(?:import|export) (type )?[^;]*? from |\bimport\()"(\.[^"]+)"/gms)].map(
    ([, type, path]) => ({
      from,
      to: relative(src, join(src, dirname(from), path!)),
      typeOnly: type !== undefined,
    }),
  );
});

const roomOf = (file: string) => file.split("/")[0]!;

test("imports run one way", () => {
  const allowed = ({ from, to }: Import) => {
    const room = roomOf(from);
    return [room, ...BELOW_ALL, ...(ROOMS[room] ?? [])].some((target) => to === target || roomOf(to) === target);
  };
  assert.ok(imports.length > 100, "the imports were found");
  assert.deepEqual(
    imports.filter((each) => !allowed(each)),
    [],
  );
  assert.deepEqual(
    [...new Set(files.map(roomOf))].filter((room) => !(room in ROOMS)),
    [],
  );
});

test("only host/ and nix/ start processes", () => {
  const starters = imports
    .filter(({ to, typeOnly }) => to === "process.ts" && !typeOnly)
    .map(({ from }) => roomOf(from));
  assert.deepEqual([...new Set(starters)].sort(), ["host", "nix"]);
  const spawners = files.filter((file) => readFileSync(join(src, file), "utf8").includes('"node:child_process"'));
  assert.deepEqual(spawners, ["process.ts"]);
});

test("a file is a room: none has more than 300 lines", () => {
  const top = join(src, "..");
  const rooms = ["src", "test", "nix", "scripts"].flatMap((room) => globSync(`${room}/**/*.{ts,sh,nix}`, { cwd: top }));
  assert.ok(rooms.length > 400, "the files were found");
  const long = rooms.filter((file) => readFileSync(join(top, file), "utf8").split("\n").length - 1 > 300);
  assert.deepEqual(long, []);
});
