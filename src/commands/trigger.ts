/** Who started a deployment, and its id: hosts write both into their lock and their history. */
import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";

export function whoAndWhen(now: Date = new Date()): { readonly deployment: string; readonly actor: string } {
  // 20260301-120000-3f9a2c: sorts by time, and does not repeat.
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  return { deployment: `${stamp}-${randomBytes(3).toString("hex")}`, actor: `${user()}@${hostname()}` };
}

function user(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user id that has no name.
    return String(process.getuid?.() ?? "unknown");
  }
}
