/** docs/formats.md shows the bytes of a small log. This is that log. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import type { MemoryDisk } from '../../src/world/memory-disk.ts';
import { FOLDER, openLog, world } from './fixtures.ts';

const page = join(import.meta.dirname, '../../docs/formats.md');
const NOW_MS = 1_700_000_000_000;

function exampleLog(): MemoryDisk {
  const w = world();
  const log = openLog(w, { indexIntervalBytes: 50 });
  const writer = new BatchWriter({ bytesMax: 1000, compression: 0 });
  writer.append(NOW_MS, Buffer.from('k0'), Buffer.from('0:hello'), null);
  const first = Buffer.from(writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 }));
  writer.reset();
  writer.append(NOW_MS + 100, null, Buffer.from('1:of two'), null);
  writer.append(NOW_MS + 150, null, Buffer.from('2:of two'), [{ key: 'h', value: Buffer.from('v') }]);
  const second = Buffer.from(writer.seal({ producerId: 7, producerEpoch: 0, baseSequence: 0 }));
  stampBatch(first, 0, 0, 0);
  stampBatch(second, 0, 1, 4);
  log.append(first);
  log.append(second);
  const entry = { producerId: 7, producerEpoch: 0, lastSequence: 1, lastOffset: 2, offsetDelta: 1, timestampMs: NOW_MS + 150 };
  w.producers.push({ ...entry, coordinatorEpoch: -1, currentTxnFirstOffset: -1 });
  log.deleteBefore(1);
  log.close(true);
  return w.disk as MemoryDisk;
}

function hexdump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...row].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  |${text}|\n`);
  }
  return lines.join('');
}

test('every hexdump of docs/formats.md is true', () => {
  const files = new Map([...exampleLog().files()].map(([path, bytes]) => [path.slice(FOLDER.length + 1), bytes]));
  const before = readFileSync(page, 'utf8');
  const shown: string[] = [];
  const after = before.replace(/<!-- hexdump: (\S+) -->\n```\n[^`]*```\n/g, (_, name: string) => {
    shown.push(name);
    return `<!-- hexdump: ${name} -->\n\`\`\`\n${hexdump(files.get(name) ?? Buffer.alloc(0)).replaceAll('`', '.')}\`\`\`\n`;
  });
  expect(shown.sort()).toEqual([...files.keys()].sort());
  if (process.env.SPILLWAY_UPDATE) writeFileSync(page, after);
  else expect(before).toBe(after);
});
