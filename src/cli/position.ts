/** Places in a topic as a command line names them: an offset, a time, an end. */
import { UsageError } from './exit.ts';
import { parseTime, timeForms, type Zone } from './times.ts';

export type Place =
  | { kind: 'beginning' }
  | { kind: 'end' }
  | { kind: 'offset'; offset: number }
  /** So many records before the end of each partition. */
  | { kind: 'last'; count: number }
  | { kind: 'time'; timestampMs: number };

/** What `parsePlace` takes, for the help. */
export const placeForms = `beginning (earliest), end (latest), an offset, -N (the last N of each partition), ${timeForms}`;

/** Reads a place. `nowMs` is what ages count back from. Throws UsageError. */
export function parsePlace(text: string, option: string, nowMs: number, verb = '', zone: Zone = 'utc'): Place {
  // As Kafka calls them.
  if (text === 'beginning' || text === 'earliest') return { kind: 'beginning' };
  if (text === 'end' || text === 'latest') return { kind: 'end' };
  if (/^\d+$/.test(text)) return { kind: 'offset', offset: safe(text, option, verb) };
  if (/^-\d+$/.test(text)) return { kind: 'last', count: safe(text.slice(1), option, verb) };
  const timestampMs = parseTime(text, nowMs, zone);
  if (timestampMs === null) throw new UsageError(`--${option} takes ${placeForms}, not "${text}"`, verb);
  return { kind: 'time', timestampMs };
}

/** '0', '0,2' and '0-3' → partition numbers, each once. Throws UsageError. */
export function parsePartitions(texts: readonly string[], verb = ''): number[] {
  const partitions = new Set<number>();
  for (const part of texts.flatMap((text) => text.split(','))) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from > to) throw new UsageError(`--partition takes a number, a list (0,2) or a range (0-3), not "${part}"`, verb);
    for (let partition = from; partition <= to; partition++) partitions.add(partition);
  }
  return [...partitions].sort((a, b) => a - b);
}

/** 'a=b' → ['a', 'b']. Throws UsageError. */
export function parsePair(text: string, option: string, verb = ''): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--${option} takes NAME=VALUE, not "${text}"`, verb);
  return [text.slice(0, at), text.slice(at + 1)];
}

function safe(text: string, option: string, verb: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new UsageError(`--${option}: ${text} is larger than any offset`, verb);
  return number;
}
