/** A host whose users each have a sudo of another kind. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { TestSshd } from "../sshd.ts";

/** Real users and a real sudo, in a mount namespace where /etc has files of the test's own. */
export const noUsers =
  userInfo().uid !== 0
    ? "not root"
    : spawnSync("sudo", ["-V"]).error
      ? "no sudo here: apt-get install --no-install-recommends sudo"
      : spawnSync("unshare", ["-m", "true"]).status !== 0
        ? "no mount namespaces here"
        : false;

/** What each user's sudo is like. Everybody's password is "secret". */
const SUDOERS = {
  everything: "everything ALL=(ALL) NOPASSWD: ALL",
  one: "one ALL=(root) NOPASSWD: /usr/bin/id -u, /bin/false",
  stranger: "",
  password: "password ALL=(ALL) ALL",
  // All that may stand between sudo's question and its end.
  chatty:
    "Defaults:chatty lecture=always, use_pty, pwfeedback, insults, timestamp_timeout=0, passprompt=Passwort:\nchatty ALL=(ALL) ALL",
  // Two questions in a minute need one answer for others, but not for us.
  cached: "Defaults:cached timestamp_timeout=60, timestamp_type=global\ncached ALL=(ALL) ALL",
  once: "Defaults:once passwd_tries=1\nonce ALL=(ALL) ALL",
  terminal: "Defaults:terminal requiretty\nterminal ALL=(ALL) ALL",
  target: "Defaults:target targetpw\ntarget ALL=(ALL) ALL",
  hasty: "Defaults:hasty passwd_timeout=0.05\nhasty ALL=(ALL) ALL",
} as const;
export type User = keyof typeof SUDOERS;

const PAM = (tallies: string) => `auth requisite pam_faillock.so preauth deny=3 dir=${tallies}
auth sufficient pam_unix.so
auth [default=die] pam_faillock.so authfail deny=3 dir=${tallies}
account required pam_permit.so
session required pam_permit.so
`;
const TALLY_RECORD = 64;

/** It listens, and everybody of SUDOERS can log in. */
export async function hostOfUsers(): Promise<TestSshd> {
  const users = Object.keys(SUDOERS) as User[];
  const sshd = await TestSshd.start();
  await sshd.stopListening();
  const etc = sshd.path("etc");
  mkdirSync(`${etc}/pam.d`, { recursive: true });
  const hash = execFileSync("openssl", ["passwd", "-6", "secret"], { encoding: "utf8" }).trim();
  const lines = users.map(
    (user, n) => [`${user}:x:${61000 + n}:${61000 + n}::/:/bin/sh`, `${user}:${hash}:19000:0:99999:7:::`] as const,
  );
  writeFileSync(
    `${etc}/passwd`,
    `${readFileSync("/etc/passwd", "utf8")}${lines.map(([line]) => `${line}\n`).join("")}`,
  );
  writeFileSync(
    `${etc}/shadow`,
    `${readFileSync("/etc/shadow", "utf8")}${lines.map(([, line]) => `${line}\n`).join("")}`,
  );
  const defaults = `Defaults !syslog, timestampdir=${etc}/ts\nroot ALL=(ALL) ALL`;
  writeFileSync(`${etc}/sudoers`, [defaults, ...Object.values(SUDOERS), ""].join("\n"), { mode: 0o440 });
  writeFileSync(`${etc}/pam.d/sudo`, PAM(etc));
  // sudo looks its own host up, and complains where nobody knows it.
  writeFileSync(`${etc}/hosts`, `127.0.0.1 localhost ${hostname()}\n`);
  // The users must reach their authorized keys, and nothing else of the directory.
  chmodSync(sshd.directory, 0o711);
  chmodSync(sshd.path("authorized"), 0o644);
  const mounts = ["passwd", "shadow", "sudoers", "hosts", "pam.d/sudo"].map(
    (name) => `mount --bind ${etc}/${name} /etc/${name}`,
  );
  await sshd.listen(
    "unshare",
    "-m",
    "--propagation",
    "private",
    "sh",
    "-c",
    `${mounts.join(" && ")} && exec "$@"`,
    "sh",
  );
  writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
  return sshd;
}

/** How many wrong passwords of a user the host has seen while this ran; it locks the account at the third (faillock(8)). */
export async function wrongSentTo(sshd: TestSshd, user: User, work: () => Promise<void>): Promise<number> {
  const tally = sshd.path(`etc/${user}`);
  rmSync(tally, { force: true });
  await work();
  return statSync(tally).size / TALLY_RECORD;
}
