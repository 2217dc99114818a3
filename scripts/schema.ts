/**
 * `node scripts/schema.ts`: writes nix/schema.json, the schema of the settings as data (JSON Schema), and nix/sources.json, the same of other
 * tools' settings. nix/checks.nix checks a flake with them, and an editor may with the first. test/unit/nix-checks.test.ts holds the files to
 * src/fleet/.
 *
 * Nix knows only POSIX expressions, so each pattern comes in both kinds: `posixPattern` has to match the whole value,
 * `posixPatternNot` must not. They may take more than `pattern` does, never less.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FROM_HERE } from "../src/fleet/health-checks.ts";
import { SSH_OPTIONS, settingsSchema } from "../src/fleet/schema.ts";
import { COLMENA } from "../src/fleet/sources/colmena.ts";
import { DEPLOY_RS } from "../src/fleet/sources/deploy-rs-schema.ts";

type Json = Record<string, unknown>;
type Path = readonly PropertyKey[];

// Bytes above ASCII may be letters: what is excluded is named.
const NO_ADDRESS = String.raw` !"#$&'()*+,/;<=>?@\^\`{|}~[:cntrl:]`.replace("\\`", "`");
const NO_LABEL = String.raw` !"#$%&'()*+,:;<=>?@\^\`{|}~[:cntrl:]`.replace("\\`", "`");

const ADDRESS: Json = { posixPattern: `[^${NO_ADDRESS}-][^${NO_ADDRESS}]*` };
const USER: Json = { posixPattern: "[A-Za-z0-9_][A-Za-z0-9_.@-]*[$]?" };

/** By where they stand, without the first and last anchor. */
const POSIX: Readonly<Record<string, Json>> = {
  "addresses.*": ADDRESS,
  user: USER,
  identityFile: { posixPattern: "[^\n\r]+", posixPatternNot: "(-|/nix/store/).*" },
  "sshOptions.name": { posixPattern: `(${SSH_OPTIONS.join("|")})` },
  "sshOptions.*": { posixPattern: "[^[:cntrl:]\"'`$\\;&<>|(){}]+", posixPatternNot: "-.*" },
  "labels.name": { posixPattern: `[^][${NO_LABEL}]+` },
  "labels.*": { posixPattern: "[^[:space:][:cntrl:]+]*" },
  node: { posixPattern: "[A-Za-z0-9_][A-Za-z0-9._-]*" },
  "healthChecks.name": { posixPattern: "[A-Za-z0-9][A-Za-z0-9._-]*" },
  "healthChecks.*.unit.name": { posixPattern: String.raw`[A-Za-z0-9_:.\@][A-Za-z0-9_:.\@-]*[.][a-z]+` },
  // What is long is not matched whole, since nix' matcher has a stack.
  "healthChecks.*.command": { posixPatternNot: "[[:space:]]*" },
  "healthChecks.*.http.url": { posixPattern: "[Hh][Tt][Tt][Pp][Ss]?://(.|[[:space:]])+" },
  "healthChecks.*.http.contains": { posixPatternNot: "(|.*[[:cntrl:]].*)" },
  "healthChecks.*.http.address": ADDRESS,
  "healthChecks.*.tcp.address": ADDRESS,
};

const OF_DEPLOY_RS: Readonly<Record<string, Json>> = {
  sshUser: USER,
  user: { posixPattern: "[A-Za-z_][A-Za-z0-9._-]*" },
  tempPath: { posixPattern: "/[^\n]*" },
  sudo: { posixPatternNot: "[[:space:]]*" },
};
const PROFILE_PATH: Json = {
  posixPattern: "(/[A-Za-z0-9+._=@-]+){2,}",
  posixPatternNot: "(/nix/store/.*|.*/[.]{1,2}(/.*)?)",
};

/** A URL that leads to whoever asks: localhost, 127/8, 0.0.0.0, ::1, ::, and those of IPv4 in IPv6. */
const leadsToAsker = (closing: string) =>
  `[Hh][Tt][Tt][Pp][Ss]?://(${[
    "([A-Za-z0-9_.-]*[.])?[Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt][.]?",
    "127([.][0-9]+){1,3}[.]?|0+([.]0+){0,3}[.]?",
    `[[][0:]*:(0{0,3}1|[0:]*)${closing}`,
    `[[][0:]*:[Ff]{4}:(127([.][0-9]+){3}|0([.]0){3}|7[Ff][0-9A-Fa-f]{2}:[0-9A-Fa-f]{1,4}|0{1,4}:0{1,4})${closing}`,
  ].join("|")})(:[0-9]*)?([/?#](.|\n)*)?`;

/** What zod refines or rewrites, and its JSON Schema does not say. */
const KINDS = { unit: "name", http: "url", tcp: "port" } as const;
const ALL_KINDS = ["unit", "command", "http", "tcp"];

export function schemaAsData(): Json {
  const schema = asData(settingsSchema, POSIX);
  const checks = (schema.properties as Record<string, Json>).healthChecks!.additionalProperties as Json;
  const fields = checks.properties as Record<string, Json>;
  for (const [kind, field] of Object.entries(KINDS)) {
    const inner = (fields[kind]!.properties as Record<string, Json>)[field]!;
    fields[kind] = { anyOf: [inner, fields[kind]], description: inner.description };
  }
  const url = { type: "string", pattern: `^${leadsToAsker("\\]")}$`, posixPattern: leadsToAsker("]") };
  const [alone, whole] = fields.http!.anyOf as [Json, Json];
  fields.http!.anyOf = [{ ...alone, not: { ...url, description: FROM_HERE } }, whole];
  // Asked by the deployer, and of whom the URL says.
  const from = { type: "string", const: "deployer" };
  whole.not = {
    type: "object",
    properties: { url, from, address: false },
    required: ["url"],
    additionalProperties: true,
    description: FROM_HERE,
  };
  checks.oneOf = ALL_KINDS.map((kind) => ({ required: [kind] }));
  checks.description = `a health check: it needs one of ${ALL_KINDS.join(", ")}, and only one`;
  return schema;
}

/** Of each part of what deploy-rs and colmena read. */
export function sourcesAsData(): Json {
  const { deploy, node, profile } = DEPLOY_RS;
  return {
    "deploy-rs": {
      deploy: asData(deploy, OF_DEPLOY_RS),
      node: asData(node, { ...OF_DEPLOY_RS, hostname: ADDRESS }),
      profile: asData(profile, { ...OF_DEPLOY_RS, profilePath: PROFILE_PATH }),
    },
    colmena: {
      deployment: asData(COLMENA.deployment, { targetHost: ADDRESS, targetUser: USER }),
      meta: asData(COLMENA.meta, {}),
    },
  };
}

function asData(of: z.ZodType, patterns: Readonly<Record<string, Json>>): Json {
  const untold = new Set(Object.keys(patterns));
  const schema = z.toJSONSchema(of, {
    io: "input",
    override: ({ zodSchema, jsonSchema, path }) => {
      const { error } = zodSchema._zod.def;
      const expected = error?.({ code: "invalid_type", input: null, path: [] } as never);
      if (typeof expected === "string") jsonSchema.description = expected;
      const place = placeOf(path);
      const posix = patterns[place];
      if (posix) Object.assign(jsonSchema, posix);
      else if (jsonSchema.pattern !== undefined) throw new Error(`${place}: say its pattern as POSIX too`);
      untold.delete(place);
    },
  }) as Json;
  if (untold.size > 0) throw new Error(`no such pattern: ${[...untold]}`);
  return schema;
}

/** ["properties", "labels", "additionalProperties"] → "labels.*" */
function placeOf(path: Path): string {
  return path
    .filter((name) => name !== "properties")
    .map((name) =>
      name === "items" || name === "additionalProperties" ? "*" : name === "propertyNames" ? "name" : name,
    )
    .join(".");
}

if (import.meta.main) {
  for (const [name, data] of Object.entries({ schema: schemaAsData(), sources: sourcesAsData() }))
    writeFileSync(join(import.meta.dirname, "..", "nix", `${name}.json`), `${JSON.stringify(data, null, 2)}\n`);
}
