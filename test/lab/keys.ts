/** ssh keys, made by ssh-keygen: one pair per user of a lab, one per host. */
import { readFileSync } from "node:fs";
import { must } from "./exec.ts";

/** Makes an ed25519 key pair at `path` and `path`.pub; gives the public half as "TYPE BASE64". */
export async function makeKey(path: string, comment: string): Promise<string> {
  await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], { stdin: "y\n" });
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}
