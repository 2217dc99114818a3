/** The result of the bench as a table for people. */

export interface Measurement {
  /** Its key in the JSON. */
  readonly key: string;
  readonly what: string;
  /** What was measured on either side, as text: "2.31 s", "118 MB/s". */
  readonly bungee: string;
  /** undefined: there is nothing to compare with. */
  readonly plain?: string;
  /** The number that counts. */
  readonly value: number;
  readonly unit?: "×" | "s";
  /** undefined: nothing was promised. */
  readonly aim?: { readonly atMost: number } | { readonly atLeast: number } | { readonly exactly: number };
}

export function meetsAim({ value, aim }: Measurement): boolean | undefined {
  if (aim === undefined) return undefined;
  if ("atMost" in aim) return value <= aim.atMost;
  if ("atLeast" in aim) return value >= aim.atLeast;
  return value === aim.exactly;
}

export function renderTable(measurements: readonly Measurement[]): string {
  const header = ["", "bungee", "plain", "result", "aim", ""];
  const rows = measurements.map((measurement) => {
    const { what, bungee, plain = "", value, unit = "", aim } = measurement;
    const result = `${round(value)}${unit && ` ${unit}`}`;
    const met = meetsAim(measurement);
    return [
      what,
      bungee,
      plain,
      result,
      aim ? `${showAim(aim)}${unit && ` ${unit}`}` : "",
      met === undefined ? "" : met ? "met" : "missed",
    ];
  });
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One object for programs: the value of each measurement by its key. */
export function toJson(measurements: readonly Measurement[]): string {
  return JSON.stringify(Object.fromEntries(measurements.map(({ key, value }) => [key, round(value)])));
}

function showAim(aim: NonNullable<Measurement["aim"]>): string {
  if ("atMost" in aim) return `≤ ${aim.atMost}`;
  if ("atLeast" in aim) return `≥ ${aim.atLeast}`;
  return `= ${aim.exactly}`;
}

/** Three digits say more than is certain. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
