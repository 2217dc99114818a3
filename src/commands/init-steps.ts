/** What `bungee init` cannot do itself, said as what to do next: for a flake that stands already, with its own names. */
import type { Node } from "../fleet/node.ts";
import type { Pipeline } from "../templates/forge.ts";
import { CHECKOUT, type Template } from "../templates/template.ts";

type Steps = readonly (readonly string[])[];

/** Each step a sentence, and lines to type or to write. */
export function renderSteps(steps: Steps): string {
  const lines = steps.flatMap(([what, ...rest], index) => [
    `${index + 1}. ${what}`,
    ...rest.map((line) => `     ${line}`),
  ]);
  return ["Next:", ...lines].join("\n");
}

/** @param repository whether the folder is in one of git already */
export const stepsOfTemplate = (template: Template, pipeline: Pipeline | undefined, repository: boolean): Steps => [
  [
    "In flake.nix, say where you have bungee from, in place of github:OWNER/bungee:",
    `bungee.url = "${CHECKOUT === undefined ? "github:OWNER/bungee" : `git+file://${CHECKOUT}`}";${pipeline === undefined ? "" : " # a runner of CI has to reach it, too"}`,
  ],
  [`Set ${template === "ci" ? "addresses and keys" : "addresses and your SSH key"}, as README.md says.`],
  [
    "Lock the inputs, and commit:",
    `${inGit(repository)}git add --all && nix flake lock && git add flake.lock && git commit`,
  ],
  ["Look before you deploy:", "nix run .#bungee -- plan"],
  ...(pipeline === undefined
    ? []
    : [["The first two deployments are yours, as README.md says: they bring the CI's login."], secrets(pipeline)]),
];

/** What the steps speak of. */
export interface KnownFleet {
  readonly nodes: readonly Node[];
  /** The flake's output with its hosts. */
  readonly from: string;
}

/** @param fleet undefined where it could not be read */
export const stepsOfPipeline = (pipeline: Pipeline, fleet: KnownFleet | undefined, repository: boolean): Steps => [
  ...elsewhere(fleet?.from ?? IN),
  [
    "In flake.nix, take bungee in, and give the pipeline the version that flake.lock holds:",
    'inputs.bungee.url = "github:OWNER/bungee"; # where you, and a runner of CI, can fetch it',
    "packages.x86_64-linux.bungee = bungee.packages.x86_64-linux.default;",
    "checks.x86_64-linux = bungee.lib.checks { pkgs = nixpkgs.legacyPackages.x86_64-linux; flake = self; };",
  ],
  [
    `On ${fleet ? list(fleet.nodes.map(({ name }) => name)) : "every host"}, make the login that ci/ssh_config names, for a key of the CI's own:`,
    'ssh-keygen -t ed25519 -N "" -C ci -f ~/deploy_key',
    "imports = [ bungee.nixosModules.deploy-user ];",
    'services.bungee.deployUser = { enable = true; name = "ci"; authorizedKeys = [ "…" ]; }; # ~/deploy_key.pub',
    ...usersOf(fleet?.nodes),
  ],
  [
    "Collect the hosts' keys, and compare each fingerprint with what the host itself says:",
    ...scans(fleet?.nodes),
    "ssh-keygen -lf ci/known_hosts",
    "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   # on the host",
  ],
  [
    "For hosts that take signed systems only (bungee.requireSignature), a key that signs:",
    "(umask 077; nix key generate-secret --key-name fleet-1 >~/fleet.key)",
    "nix key convert-secret-to-public <~/fleet.key      # into the hosts' nix.settings.trusted-public-keys",
  ],
  ["Deploy that once yourself, by a login of your own: from then on CI has one:", "nix run .#bungee -- deploy --all"],
  secrets(pipeline),
  [
    "Ask what a branch means, and commit:",
    "nix run .#bungee -- ci --explain --branch main",
    `${inGit(repository)}git add --all && git commit`,
  ],
];

const inGit = (repository: boolean): string => (repository ? "" : "git init && ");

const SECRETS: Readonly<Record<Pipeline, string>> = {
  github:
    "Put the secret keys into the environment `fleet` of the repository, which only main and test-* may use, and protect these branches:",
  forgejo: "Put the secret keys into the repository's secrets, and protect main and test-*:",
  gitlab:
    "Make the secret keys variables of the type File, protected, of the environment `fleet`, and protect main and test-*:",
};

const secrets = (pipeline: Pipeline): readonly string[] => [
  SECRETS[pipeline],
  `${pipeline === "gitlab" ? "DEPLOY_KEY" : "DEPLOY_SSH_KEY"}      ~/deploy_key`,
  "SIGNING_KEY         ~/fleet.key",
];

const IN = "nixosConfigurations";

/** `bungee ci` deploys what deploy-rs and colmena have, but the workflows' other jobs, and ci/sign.sh, know nix alone. */
function elsewhere(from: string): Steps {
  if (from === IN) return [];
  const what = `The jobs build ${IN}.<host>, and this fleet's hosts stand in ${from}.`;
  return [[`${what} Move it first (bungee migrate), or change what the jobs and ci/sign.sh build.`]];
}

const SHOWN = 12;

function list(names: readonly string[]): string {
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : "";
  return `${names.slice(0, SHOWN).join(", ")}${more}`;
}

/** Who logs in by ssh_config, where a node says another. */
function usersOf(nodes: readonly Node[] = []): string[] {
  const own = nodes.filter(({ user }) => user !== undefined && user !== "ci").map(({ name }) => name);
  return own.length === 0 ? [] : [`# and take bungee.user out of ${list(own)}: it comes before ci/ssh_config`];
}

/** A port goes for a whole line of `ssh-keyscan`. */
function scans(nodes: readonly Node[] = []): string[] {
  const ports = Map.groupBy(nodes, ({ port = 22 }) => port);
  if (ports.size === 0) return ["ssh-keyscan -t ed25519 web1.example.org >ci/known_hosts"];
  return [...ports].map(([port, of], index) => {
    const at = port === 22 ? "" : `-p ${port} `;
    return `ssh-keyscan -t ed25519 ${at}${of.map(({ addresses: [first] }) => first).join(" ")} ${index > 0 ? ">>" : ">"}ci/known_hosts`;
  });
}
