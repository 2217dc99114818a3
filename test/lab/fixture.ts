/**
 * For sandbox.test.ts: opens a lab, tells its number, and waits to be killed. With `nested`: in a sandbox of its own.
 */
import { inSandbox } from "./sandbox.ts";

if (process.argv[2] === "nested") {
  process.exitCode = await inSandbox([process.execPath, import.meta.filename]);
} else {
  const { openLab } = await import("./lab.ts");
  const lab = await openLab();
  const workstation = await lab.workstation();
  const host = await lab.host("web").up();
  workstation.spawn(["sleep", "1000"]);
  await host.spawn(["sleep", "1000"]);
  console.log(lab.number);
  setInterval(() => {}, 1000);
}
