/** The few colours of bungee, by meaning. */
import { Chalk, supportsColor, supportsColorStderr } from "chalk";

type Paint = (text: string) => string;

export interface Style {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

export function makeStyle(level: 0 | 1 | 2 | 3): Style {
  const chalk = new Chalk({ level });
  return { good: chalk.green, bad: chalk.red, warn: chalk.yellow, dim: chalk.dim, strong: chalk.bold };
}

export const PLAIN = makeStyle(0);

/** By FORCE_COLOR, then NO_COLOR, then what the stream is. chalk reads all of them but NO_COLOR. */
export function styleOf(stream: "stdout" | "stderr", env: NodeJS.ProcessEnv = process.env): Style {
  if (env.NO_COLOR && env.FORCE_COLOR === undefined) return PLAIN;
  const support = stream === "stdout" ? supportsColor : supportsColorStderr;
  return support ? makeStyle(support.level as 1 | 2 | 3) : PLAIN;
}
