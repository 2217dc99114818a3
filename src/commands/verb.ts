/** What a verb of the command line is: its name, its flags, and how it gets from them to its work. */

/** Where a verb reads and writes; `process` has it. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export interface Flag {
  /** One letter. */
  readonly alias?: string;
  readonly describe: string;
  /** What its value is called; a flag without it is on or off. */
  readonly value?: string;
  /** The values that there are, for completion too. */
  readonly choices?: readonly string[];
  /** Left out of --help, which is one screen; it stands in the documentation. */
  readonly rare?: true;
}

export interface Verb {
  readonly name: string;
  /** One line. */
  readonly describe: string;
  /** What is meant where no selector is given; null: the verb takes none. */
  readonly withoutSelectors: string | null;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /**
   * From what was typed to the work that is meant, which gives the exit code. Does no I/O itself.
   * @throws UsageError
   */
  prepare(typed: Typed, streams: Streams): () => Promise<number>;
}

/** What was typed, not yet checked. */
export interface Typed {
  readonly selectors: readonly string[];
  /** By long names. A value, "" where it is missing; true for a flag that is on. */
  readonly flags: ReadonlyMap<string, string | true>;
}
