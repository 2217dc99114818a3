/** Every target. */
import { activator } from "./activator.ts";
import { commandLine } from "./command-line.ts";
import { frames } from "./frames.ts";
import { knownHosts } from "./known-hosts.ts";
import { nixLog } from "./nix-log.ts";
import { protocol } from "./protocol.ts";
import { quoting } from "./quote.ts";
import { selectors } from "./selectors.ts";
import { settingsTarget } from "./settings.ts";
import { sshConfig } from "./ssh-config.ts";
import type { Target } from "./target.ts";

export const targets: readonly Target[] = [
  activator,
  protocol,
  frames,
  settingsTarget,
  selectors,
  commandLine,
  nixLog,
  sshConfig,
  knownHosts,
  quoting,
] as readonly Target[];
