/** What a source makes of entries, for tests: as nodes, with bungee's own settings on top. */
import { readSettings } from "../../../../src/fleet/settings.ts";
import type { Source } from "../../../../src/fleet/sources/source.ts";

export function reading(
  source: Source,
  entries: Readonly<Record<string, unknown>>,
  { common = {}, output = {}, overrides = {} }: { common?: unknown; output?: unknown; overrides?: object } = {},
) {
  const read = source.read({ common, entries: new Map(Object.entries(entries)) });
  return {
    ...read,
    settingsOf: () => readSettings({ from: source.output, names: [...read.nodes.keys()], output, ...read }, overrides),
    notesOf: (name: string | null) => read.notes.flatMap(({ node, message }) => (node === name ? [message] : [])),
  };
}
