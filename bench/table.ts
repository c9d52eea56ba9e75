/** The lines of a bench as a table for people. */
import type { BenchLine } from './harness.ts';

export function printTable(name: string, about: string, lines: readonly BenchLine[]): void {
  console.log(`\n${name}: ${about}`);
  const rows = lines.map((line) => [
    line.peer === undefined ? line.case : `${line.case} · ${line.peer}`,
    figure(line.value),
    line.unit,
    line.ratio === undefined ? '' : `${figure(line.ratio)} × ${line.of ?? ''}`,
    line.check,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => (column === 1 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])));
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
}

function figure(value: number): string {
  if (value >= 10_000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}
