/** What a simulation has to say of itself: its log, and who waits for what when it is stuck. */
import { type Logger, silentLogger } from '../../src/world/logger.ts';
import type { Auditor } from './auditor.ts';
import type { Bounds } from './bounds.ts';
import type { SimBus } from './bus.ts';
import type { Groups } from './groups.ts';
import type { Scanner } from './scan.ts';
import type { SimWorld } from './sim-world.ts';
import type { Reading } from './users.ts';

export interface Outcome {
  seed: number;
  violations: string[];
  trace: string;
  events: number;
  virtualMs: number;
  counts: Record<string, number>;
}

export function timeOf({ clock }: SimWorld): string {
  return `${clock.monotonicMs().toFixed(3).padStart(12)} ms`;
}

/** Says what the bus warns of. */
export function listeningLogger(say: (line: string) => void, auditor: Auditor): Logger {
  const tell =
    (level: string) =>
    (fields: object, message: string): void => {
      say(`${level}: ${message} ${JSON.stringify(fields)}`);
      // A host takes whatever keeps a log from opening for its disk's fault; here it must have been.
      const reason = 'reason' in fields ? String(fields.reason) : '';
      if (message.startsWith('a partition cannot be opened') && !/ failed: E\w+$|was stopped$/.test(reason))
        auditor.violated(`${message}: ${reason}`);
    };
  return { ...silentLogger, warn: tell('warn'), error: tell('error') };
}

interface Parts {
  auditor: Auditor;
  readings: readonly Reading[];
  scanner: Scanner;
  bounds: Bounds;
  bus: SimBus;
  groups: Groups;
}

export async function tellAll(world: SimWorld, parts: Parts, ends?: Map<string, number>): Promise<string> {
  const { auditor, readings, scanner, bounds, bus, groups } = parts;
  const lines: string[] = [`at ${timeOf(world)}`];
  for (const sent of auditor.open.slice(0, 10))
    lines.push(`record ${sent.n} of source ${sent.source.id} to ${sent.topic} waits since ${world.clock.nowMs() - sent.atMs} ms`);
  for (const { name, cursors, consumer } of readings)
    for (const { topic, partition, next } of cursors.values()) {
      const end = ends?.get(`${topic}-${partition}`) ?? '?';
      lines.push(`${name} is at ${topic}-${partition}@${next} of ${end}, holds ${consumer.queuedBytes} bytes`);
    }
  lines.push(...scanner.tell(), ...bounds.tell(), ...groups.tell());
  const described = await world.settled(bus.admin().describeLogDirs(), 1000);
  if (described === undefined) lines.push('describe: no answer');
  else if ('error' in described) lines.push(`describe: ${described.error}`);
  else
    for (const { topic, partition, state, startOffset, highWatermark, endOffset, residentBytes } of described.value)
      lines.push(`${topic}-${partition}: ${state} [${startOffset}, ${highWatermark}, ${endOffset}) ${residentBytes} resident`);
  return lines.join('\n    ');
}
