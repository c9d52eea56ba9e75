/** Rows of text in columns. A column whose cells are all numbers is set flush right. */

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const isRight = heads.map((_, i) => rows.length > 0 && rows.every((row) => /^[-\d.,]+( [KMGT]?i?B)?$/.test(row[i])));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isRight[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}
