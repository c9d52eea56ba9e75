/** Cells and tables of docs/configuration.md. */
import { GiB, KiB, MiB } from '../../src/base/bytes.ts';

export function table(rows: readonly (readonly string[])[], head: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function code(text: string | number): string {
  return `\`${text}\``;
}

/** A number with what it is in larger units: `1048576` (1 MiB). The unit comes from the name. */
export function inUnits(name: string, value: number): string {
  const unit = /(\.ms|Ms)$/.test(name) ? duration(value) : /bytes|Bytes|batchSize|Memory|Size/.test(name) ? size(value) : '';
  return unit === '' ? code(value) : `${code(value)} (${unit})`;
}

/** 604800000 → 7 days; '' where a number says as much. */
export function duration(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1000, 'second'],
  ];
  const [in1, name] = units.find(([unit]) => ms >= unit && ms % unit === 0) ?? [1, ''];
  return name === '' ? '' : `${ms / in1} ${name}${ms === in1 ? '' : 's'}`;
}

export function size(bytes: number): string {
  const units: [number, string][] = [
    [GiB, 'GiB'],
    [MiB, 'MiB'],
    [KiB, 'KiB'],
  ];
  const [in1, name] = units.find(([unit]) => bytes >= unit && bytes % unit === 0) ?? [1, ''];
  return name === '' ? '' : `${bytes / in1} ${name}`;
}
