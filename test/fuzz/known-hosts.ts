/** known_hosts files against the real ssh: a key that ssh refuses is never taken, and the verdict has the same name. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { HostKeyError } from "../../src/errors.ts";
import type { Destination } from "../../src/host/destination.ts";
import { checkHostKey, readHostKeyRing } from "../../src/host/host-key.ts";
import { hostPattern, knownHostsLine } from "../../src/host/known-hosts.ts";
import type { Random } from "../chaos/random.ts";
import { noSshd, SSHD, TestSshd } from "../unit/host/sshd.ts";
import { hostileText, listOf, mutated } from "./hostile.ts";
import type { Bench, Target } from "./target.ts";

interface Input {
  readonly host: string;
  readonly port: number;
  /** Each character is a byte. SHOWN, OTHER, HASHED and their like stand for what is only known with the keys. */
  readonly text: string;
}

const HOSTS: readonly (readonly [string, number])[] = [
  ["web.example", 22],
  ["web.example", 2222],
  ["WEB.Example", 22],
  ["10.0.0.1", 22],
  ["fe80::1", 2222],
  ["kiosk", 22],
];

function generate(random: Random): Input {
  const [host, port] = random.pick(HOSTS);
  const text = listOf(random, 1, 4, () => lineOf(random, host, port)).join(
    random.pick(["\n", "\n", "\n", "\r\n", "\n\n"]),
  );
  return { host, port, text: `${random.chance(3) ? "\ufeff" : ""}${text}${random.pick(["", "\n"])}` };
}

function lineOf(random: Random, host: string, port: number): string {
  const blank = () => random.pick([" ", " ", " ", " ", "\t", "  ", "\u00a0", "\v", "\f", "\r", ", "]);
  const marker = random.pick([
    "",
    "",
    "",
    "",
    `@revoked${blank()}`,
    `@cert-authority${blank()}`,
    "@trusted ",
    "@ ",
    "@revoked",
    "@revoked @revoked ",
  ]);
  const key = random.pick(["SHOWN", "SHOWN", "SHOWN", "OTHER", "ECDSA"]);
  const spoiled = random.chance(25)
    ? `${key}${random.pick(["=", "*", "-", "A", "AAAA", ".", "==", "\u00a0", "#", "HALF"])}`
    : key;
  const line = `${marker}${namesOf(random, host, port)}${blank()}${random.chance(95) ? "TYPE" : "ssh-rsa"}${blank()}${spoiled}`;
  const comment = random.pick(["", "", " root@web", "\t# x", ` ${hostileText(random).replaceAll("\n", " ")}`]);
  return `${random.pick(["", "", "", "", " ", "\t", "#", "\v"])}${random.chance(8) ? mutated(random, line) : line}${comment}`;
}

function namesOf(random: Random, host: string, port: number): string {
  const name = hostPattern(host, port);
  const one = () =>
    random.pick([
      ...[name, name, name.toUpperCase(), host, `[${host}]:${port}`, `[${host}]:22`, `[${host}]:*`, "*", "?*", "*.*"],
      ...[`${name[0]}*`, `*${name.slice(-3)}`, name.replace(/./, "?"), name.replaceAll(/[a-z]/g, "?"), `${name}.`],
      ...[
        name.replaceAll("k", "\u212a"),
        name.replaceAll("i", "\u0130"),
        "other.example",
        "",
        "*".repeat(20),
        `${"*e".repeat(12)}*x`,
      ],
      ...["a".repeat(1022), "a".repeat(1023), `${"*".repeat(1100)}`, mutated(random, name).replaceAll(/\s/g, "")],
    ]);
  if (random.chance(12))
    return random.pick([
      "HASHED",
      "HASHED,",
      "HASHED|",
      "HASHED,*",
      "*,HASHED",
      "WRONGLY-HASHED",
      "|1|",
      "|1||",
      "|2|a|b",
      "|1|a|b|c",
    ]);
  return listOf(random, 1, 3, () => `${random.pick(["", "", "", "!", "!!"])}${one()}`).join(",");
}

class Keys implements Bench<Input> {
  readonly #sshd: TestSshd;
  readonly #words: readonly (readonly [RegExp, string])[];
  readonly #salt = Buffer.from("0123456789abcdefghij");

  private constructor(sshd: TestSshd) {
    this.#sshd = sshd;
    const key = (name: string) => readFileSync(sshd.path(`${name}.pub`), "utf8").split(" ")[1]!;
    const half = key("host").slice(0, 40);
    this.#words = [
      [/SHOWNHALF/g, half],
      [/SHOWN/g, key("host")],
      [/OTHER/g, key("id")],
      [/ECDSA/g, key("ecdsa")],
      [/TYPE/g, "ssh-ed25519"],
    ];
  }

  static async open(): Promise<Keys> {
    const sshd = await TestSshd.start();
    await sshd.stopListening();
    sshd.makeKey("ecdsa", "-t", "ecdsa");
    if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
    return new Keys(sshd);
  }

  async check(inputs: readonly Input[]): Promise<void> {
    const [{ host, port, text }] = inputs as [Input];
    const file = this.#sshd.path("known");
    writeFileSync(file, Buffer.from(this.#real(host, port, text)));
    const [theirs, ours] = await Promise.all([this.#ssh(host, port, file), this.#bungee(host, port, file)]);
    assert.equal(ours, theirs, `ssh says ${theirs}, and we say ${ours}:\n${readFileSync(file, "utf8").slice(0, 1500)}`);
  }

  #real(host: string, port: number, text: string): string {
    const hashed = (name: string) => knownHostsLine(name, Buffer.from("x"), this.#salt).split(" ")[0]!;
    const named = text
      .replaceAll("WRONGLY-HASHED", hashed("another"))
      .replaceAll("HASHED", hashed(hostPattern(host, port)));
    return this.#words.reduce((line, [word, key]) => line.replaceAll(word, key), named);
  }

  async #bungee(hostname: string, port: number, file: string): Promise<string> {
    const hostKeys = {
      alias: undefined,
      userFiles: [file],
      globalFiles: [],
      revokedFile: undefined,
      strict: "yes",
      hash: false,
      checkIp: false,
    };
    const ring = await readHostKeyRing({ address: hostname, hostname, port, hostKeys } as unknown as Destination);
    const key = Buffer.from(readFileSync(this.#sshd.path("host.pub"), "utf8").split(" ")[1]!, "base64");
    try {
      return (await checkHostKey(ring, key, undefined)).kind;
    } catch (error) {
      assert.ok(error instanceof HostKeyError, `not an error of ours: ${error instanceof Error ? error.stack : error}`);
      return /has changed/.test(error.message) ? "changed" : /is revoked/.test(error.message) ? "revoked" : "unknown";
    }
  }

  /** ssh's verdict, from what it says before it would log in. */
  #ssh(host: string, port: number, file: string): Promise<string> {
    const options = {
      UserKnownHostsFile: file,
      GlobalKnownHostsFile: "/dev/null",
      StrictHostKeyChecking: "yes",
      HostKeyAlgorithms: "ssh-ed25519",
      PreferredAuthentications: "none",
      CheckHostIP: "no",
      BatchMode: "yes",
      ProxyCommand: `${SSHD} -i -f ${this.#sshd.path("sshd_config")}`,
    };
    const words = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    return new Promise((resolve) => {
      execFile(
        "ssh",
        ["-F", "none", ...words, "-p", String(port), "--", host, "true"],
        { encoding: "latin1" },
        (_error, _stdout, stderr) => {
          if (/REVOKED HOST KEY/.test(stderr)) resolve("revoked");
          else if (/IDENTIFICATION HAS CHANGED/.test(stderr)) resolve("changed");
          else if (/host key is known/.test(stderr)) resolve("unknown");
          else if (/Permission denied/.test(stderr)) resolve("known");
          else resolve(stderr);
        },
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sshd[Symbol.dispose]();
  }
}

export const knownHosts: Target<Input> = {
  name: "known-hosts",
  share: 60,
  skip: noSshd,
  generate,
  open: () => Keys.open(),
};
