/** What deploy-rs lets a flake say, as its documentation has it, and what holds of it for one profile. Pure. */
import { z } from "zod";
import { address, flag, group, isSet, text, whole } from "../fields.ts";
import { sentences, withoutNulls } from "../sentences.ts";

const USER = text("a user name", /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/);
const seconds = whole("a whole number of seconds", 1, 65535);
const words = z.array(z.string({ error: "a text" }), { error: "a list of texts" });
/** What the host's side takes: src/activator/host/. */
const PATH = text(
  "the absolute path of a profile: letters, digits, and any of . _ + = @ - /",
  /^(?!\/nix\/store\/)(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9+._=@-]+){2,}$/,
);
export const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

/** They may stand in a profile, in its node, and in the whole: the innermost holds, but for sshOpts, which are added up. */
const generic = {
  sshUser: USER,
  user: text("a user name", /^[A-Za-z_][A-Za-z0-9._-]{0,63}$/),
  sshOpts: words,
  fastConnection: flag,
  autoRollback: flag,
  magicRollback: flag,
  confirmTimeout: seconds,
  activationTimeout: seconds,
  tempPath: text("a path", /^\/[^\0\n]*$/),
  sudo: text('a command, as in "sudo -u"', /\S/),
  interactiveSudo: flag,
  remoteBuild: flag,
};

const deploySchema = group(generic).partial();
const nodeSchema = group({
  ...generic,
  hostname: address,
  profilesOrder: z.array(z.string({ error: "the name of a profile" }), { error: "a list of profiles' names" }),
}).partial();
const profileSchema = group({ ...generic, profilePath: PATH }).partial();

/** For scripts/schema.ts. */
export const DEPLOY_RS = { deploy: deploySchema, node: nodeSchema, profile: profileSchema };

export type Generic = z.output<typeof deploySchema>;
export type Profile = z.output<typeof profileSchema>;

export type Checked<Value> = { readonly value: Value; readonly errors: readonly string[] };

const checkedBy =
  <Schema extends z.ZodType>(schema: Schema) =>
  (at: string, input: unknown): Checked<z.output<Schema> | undefined> => {
    const value = withoutNulls(input);
    const parsed = schema.safeParse(value);
    return parsed.success
      ? { value: parsed.data, errors: [] }
      : { value: undefined, errors: sentences(schema, at, value, parsed.error) };
  };

export const checkDeploy = checkedBy(deploySchema);
export const checkNode = checkedBy(nodeSchema);
export const checkProfile = checkedBy(profileSchema);

/** As evaluated by the source's own expression. */
export interface RawProfile {
  readonly name: string;
  readonly hasPath: boolean;
  readonly settings: unknown;
}

export function rawProfilesOf(entry: unknown): readonly RawProfile[] | undefined {
  const list = isSet(entry) && isSet(entry.profiles) ? entry.profiles.list : undefined;
  return Array.isArray(list) ? (list as RawProfile[]) : undefined;
}

/** The innermost first. */
export function merged(profile: Profile, node: Generic, deploy: Generic): Profile {
  const layers = [deploy, node, profile];
  const sshOpts = layers.toReversed().flatMap((layer) => layer.sshOpts ?? []);
  return { ...Object.assign({}, ...layers), sshOpts };
}
