/**
 * docs/migrating.md keeps its word: the examples run as it says, before and after, with a receiver that comes late and one that is killed;
 * its `sh` block succeeds; and files it speaks of exist.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { root } from '../house/sources.ts';

// Each test opens many buses, or starts processes: on a machine with much else to do that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const page = readFileSync(join(root, 'docs', 'migrating.md'), 'utf8');
const examples = join(root, 'examples');

let dir: string;
const running = new Set<ChildProcess>();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-migrating-'));
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

interface Running {
  child: ChildProcess;
  out(): string;
  shows(text: RegExp): Promise<string>;
  ended: Promise<string>;
}

function start(command: string, argv: string[], cwd = dir, env = process.env): Running {
  const child = spawn(command, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (piece) => {
      out += piece;
    });
  const ended = new Promise<string>((resolve) => {
    child.on('close', () => {
      running.delete(child);
      resolve(out);
    });
  });
  const shows = async (text: RegExp): Promise<string> => {
    for (;;) {
      const match = text.exec(out);
      if (match !== null) return match[1];
      if (child.exitCode !== null) throw new Error(`it ended without showing ${text}: ${out}`);
      await sleep(10);
    }
  };
  return { child, out: () => out, shows, ended };
}

const node = (script: string, ...argv: string[]) => start(process.execPath, [join(examples, script), ...argv]);
const spillway = (...argv: string[]) => start(process.execPath, [join(root, 'bin', 'spillway.js'), ...argv]);

const numbersIn = (file: string): number[] =>
  existsSync(join(dir, file))
    ? readFileSync(join(dir, file), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => Number(line.replace('message ', '')))
    : [];

test('a TCP protocol, before: the receiver comes late, and what the queue did not hold is lost', async () => {
  const sender = node('tcp-before/sender.ts', '0');
  const port = await sender.shows(/listening on (\d+)/);
  expect(await node('tcp-before/receiver.ts', port, 'before.txt').ended).toBe('received 4100\n');
  expect(await sender.ended).toMatch(/sent 5000, dropped 900\n$/);
  expect(new Set(numbersIn('before.txt')).size).toBe(4100);
});

test('after: it comes late, is killed, and has everything in order; what waits is seen meanwhile', async () => {
  const sender = node('tcp-after/sender.ts', '0', 'data');
  const port = await sender.shows(/listening on (\d+)/);
  const first = node('tcp-after/receiver.ts', port, 'after.txt');
  while (numbersIn('after.txt').length < 2500) await sleep(5);
  first.child.kill('SIGKILL');
  await first.ended;
  await sender.shows(/(sent 5000)/);
  const described = spillway('groups', 'describe', 'receiver', '--bootstrap', `127.0.0.1:${port}`);
  expect(await described.ended).toMatch(/^receiver .* 1 member, lag (-|[1-9][\d,]*)\n.*\nmessages +0 +\S+ +5001 .* the-receiver\n/);
  expect(await node('tcp-after/receiver.ts', port, 'after.txt').ended).toMatch(/^received \d+\n$/);
  const got = numbersIn('after.txt');
  // What was noted and not committed yet came again; leaving that out, it is each message in its order.
  const inOrder = [...new Set(got)];
  expect(inOrder).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  sender.child.kill('SIGTERM');
  await sender.ended;
});

test.skipIf(process.platform === 'win32')(
  'files of a day: in, and out again byte for byte',
  async () => {
    const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
    expect(blocks).toHaveLength(1);
    const cwd = join(dir, 'files');
    mkdirSync(join(cwd, 'bin'), { recursive: true });
    symlinkSync(examples, join(cwd, 'examples'), 'junction');
    for (const [name, words] of [
      ['spillway', `"${join(root, 'bin', 'spillway.js')}"`],
      ['node', ''],
    ]) {
      writeFileSync(join(cwd, 'bin', name), `#!/bin/sh\nexec "${process.execPath}" ${words} "$@"\n`);
      chmodSync(join(cwd, 'bin', name), 0o755);
    }
    const env = { ...process.env, PATH: `${join(cwd, 'bin')}${delimiter}${process.env.PATH}` };
    const script = start('/bin/sh', ['-eux', '-c', `${blocks[0]}\necho all done`], cwd, env);
    expect(await script.ended).toMatch(/wrote 2000[\s\S]*feed: 4,000 records[\s\S]*all done\n$/);
    // As before, the reader that meets a file in the middle of a write has half a record.
    writeFileSync(join(cwd, 'half.bin'), readFileSync(join(cwd, 'day.bin')).subarray(0, -5));
    expect(await node('file-before/reader.ts', join(cwd, 'half.bin')).ended).toMatch(/^read 1999, and half a record at byte \d+\n$/);
  },
  60_000,
);

test('after: the writer produces, the reader consumes, and the day is the same file', async () => {
  const bus = spillway('run', '--port', '0', '--dir', 'feed-data', '--json', '--set', 'log.retention.ms=-1');
  const port = await bus.shows(/"port":(\d+)/);
  const [written, before] = [node('file-after/writer.ts', port, '2026-01-31'), node('file-before/writer.ts', dir, '2026-01-31')];
  expect([await written.ended, await before.ended]).toEqual(['wrote 2000\n', 'wrote 2000\n']);
  const form = ['--format', 'length-prefixed', '--length-bytes', '2', '--byte-order', 'little', '--quiet'];
  const day = spillway('consume', 'feed', '--day', '2026-01-31', ...form, '--bootstrap', `127.0.0.1:${port}`);
  const read = node('file-after/reader.ts', port);
  expect(await day.ended).toBe(readFileSync(join(dir, 'feed-2026-01-31.bin'), 'latin1'));
  expect(await read.ended).toBe('read 2000\n');
  bus.child.kill('SIGTERM');
  await bus.ended;
});

test('what it links to exists', () => {
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]);
  expect(links.filter((link) => !existsSync(join(root, 'docs', link)))).toEqual([]);
});
