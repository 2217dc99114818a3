/** How the lab and its workstations log in to hosts. */
import { connect } from "node:net";
import { quote } from "./exec.ts";
import type { CommandLine } from "./inside.ts";

/** The users of every host: deploy has sudo without a password, alice with the password "secret". */
export const users = ["root", "deploy", "alice"] as const;
export type User = (typeof users)[number];

/** The file of a user's private key; root's has the name that ssh looks for by itself. */
export function keyFile(user: User): string {
  return user === "root" ? "id_ed25519" : user;
}

/** An ssh_config that knows which key is whose, with the files in `dir`. */
export function sshConfig(dir: string): string {
  const others = users.filter((user) => user !== "root");
  return [
    ...others.map((user) => `Match user ${user}\n  IdentityFile ${dir}/${keyFile(user)}\n`),
    `Match all\n  IdentityFile ${dir}/${keyFile("root")}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${dir}/known_hosts\n`,
  ].join("\n");
}

/** The command line of a login from the sandbox, with the files in `dir`. */
export function sshArgv(dir: string, destination: string, command?: CommandLine): string[] {
  const options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5"].flatMap((option) => [
    "-o",
    option,
  ]);
  const remote = command === undefined ? [] : ["--", typeof command === "string" ? command : quote(command)];
  return ["ssh", "-F", `${dir}/config`, ...options, destination, ...remote];
}

/** Whether an sshd says hello at an address. */
export function greets(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22 });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(250, () => answer(false));
    // A busy host is slow to say hello, and who leaves before it does has sshd start for nothing, again and again.
    socket.once("connect", () => socket.setTimeout(5000));
    socket.once("error", () => answer(false));
    socket.once("data", (data: Buffer) => answer(data.toString().startsWith("SSH-2.0-")));
    socket.once("end", () => answer(false));
  });
}
