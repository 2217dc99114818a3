/** Words for ssh's command line, as other tools' settings have them, as settings of a node. Pure. */
import { checkSettings, type Settings, SSH_OPTIONS } from "../schema.ts";

export interface SshOptions {
  readonly settings: Pick<Settings, "user" | "port" | "identityFile" | "sshOptions"> & { readonly address?: string };
  /** What is not done, and why: `-A (bungee forwards no agent)`. */
  readonly ignored: readonly string[];
}

/** ssh's letters that take a value. */
const WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw";

/** Letters, as the option that says the same. */
const OPTION_OF: Readonly<Record<string, string>> = {
  p: "Port",
  l: "User",
  i: "IdentityFile",
  J: "ProxyJump",
  b: "BindAddress",
  B: "BindInterface",
  c: "Ciphers",
  m: "MACs",
};
const FLAGS: Readonly<Record<string, readonly [option: string, value: string]>> = {
  "4": ["AddressFamily", "inet"],
  "6": ["AddressFamily", "inet6"],
  C: ["Compression", "yes"],
};
/** About a terminal, forwardings that are off anyway, and how much ssh says. */
const MEANS_NOTHING = "aknNqTvxy";
const OPTIONS_THAT_MEAN_NOTHING = [
  "loglevel",
  "batchmode",
  "requesttty",
  "controlmaster",
  "controlpath",
  "controlpersist",
];

const WHY: readonly (readonly [options: RegExp, why: string])[] = [
  [
    /^(StrictHostKeyChecking|UserKnownHostsFile|GlobalKnownHostsFile|CheckHostIP|UpdateHostKeys|NoHostAuthenticationForLocalhost)$/i,
    "host keys are always checked, as ~/.ssh/config says",
  ],
  [
    /^(ProxyCommand|LocalCommand|PermitLocalCommand|KnownHostsCommand|PKCS11Provider|SecurityKeyProvider)$/i,
    "no value of a flake may run a program here: write it into ~/.ssh/config",
  ],
  [/^(ForwardAgent|ForwardX11|ForwardX11Trusted)$/i, "bungee forwards neither agent nor display"],
];

/** Where an option is given twice, the first holds, as with ssh; more keys than one belong into ssh_config. */
export function readSshOptions(words: readonly string[]): SshOptions {
  const said = new Map<string, string>();
  const ignored: string[] = [];
  const take = (option: string, value: string, word: string) => {
    if (OPTIONS_THAT_MEAN_NOTHING.includes(option.toLowerCase())) return;
    const name = NAMES.get(option.toLowerCase());
    if (name === undefined || !isValue(name, value)) ignored.push(`${word} (${whyNot(option, name)})`);
    else if (!said.has(name)) said.set(name, value);
    else if (name === "IdentityFile") ignored.push(`${word} (one key can be named: write others into ~/.ssh/config)`);
  };
  const left = words.map((word) => word.trim());
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (!/^-[^-]/.test(word)) {
      if (word !== "") ignored.push(`${word} (it is no option)`);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      if (!WITH_VALUE.includes(letter)) {
        const flag = FLAGS[letter];
        if (flag) take(...flag, `-${letter}`);
        else if (!MEANS_NOTHING.includes(letter))
          ignored.push(`-${letter} (${whyNot(letter === "A" ? "ForwardAgent" : "", undefined)})`);
        continue;
      }
      const value = (word.slice(at + 1) || left.shift() || "").trim();
      const shown = `-${letter} ${value}`.trim();
      const option = letter === "o" ? /^(\w+)\s*[\s=]\s*(.*)$/s.exec(value) : undefined;
      if (option) take(option[1]!, unquoted(option[2]!), shown);
      else if (OPTION_OF[letter]) take(OPTION_OF[letter], value, shown);
      else
        ignored.push(
          `${shown} (${letter === "F" ? "BUNGEE_SSH_CONFIG names another ssh_config" : whyNot("", undefined)})`,
        );
      break;
    }
  }
  return { settings: settingsOf(said), ignored };
}

const OWN = ["Port", "User", "IdentityFile", "HostName"];
const NAMES = new Map([...OWN, ...SSH_OPTIONS].map((name) => [name.toLowerCase(), name]));

function settingsOf(said: ReadonlyMap<string, string>): SshOptions["settings"] {
  const others = [...said].filter(([name]) => !OWN.includes(name));
  const [port, user, identityFile, address] = ["Port", "User", "IdentityFile", "HostName"].map((name) =>
    said.get(name),
  );
  return {
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(address === undefined ? {} : { address }),
    ...(others.length === 0 ? {} : { sshOptions: Object.fromEntries(others) }),
  };
}

/** What stands in a command of one's own shell may be quoted. */
const unquoted = (value: string) => value.trim().replace(/^"(.*)"$/s, "$1");

function isValue(name: string, value: string): boolean {
  const { address, ...settings } = settingsOf(new Map([[name, value]]));
  return (
    checkSettings("", { ...settings, ...(address === undefined ? {} : { addresses: [address] }) }).errors.length === 0
  );
}

function whyNot(option: string, known: string | undefined): string {
  if (known !== undefined) return "its value cannot be taken";
  return (
    WHY.find(([options]) => options.test(option))?.[1] ?? "bungee has no such setting: write it into ~/.ssh/config"
  );
}
