/** `npm run build`: what is published. The compiler's output, with the files that the code reads beside it. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules", ".bin", "tsc");
const { status, error } = spawnSync(tsc, ["--project", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) throw error ?? new Error(`tsc ended with exit code ${status}`);
for (const file of globSync("**/*.sh", { cwd: join(root, "src") })) {
  cpSync(join(root, "src", file), join(dist, file));
}
// npm does this at installation; who runs dist from a checkout needs it too.
chmodSync(join(dist, "main.js"), 0o755);
