/** A small dose of `npm run wire-kills`, and proof that the ledger sees what may go wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort, killUnderClients } from './kill.ts';
import { Ledger } from './ledger.ts';
import { nodeClients } from './node-clients.ts';

test('a broker that is killed comes back with all that it had acknowledged, and its clients go on', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-wire-kills-'));
  try {
    const wanted = { dir: join(folder, 'data'), port: await freePort(), kills: 2, seed: 7, clients: [nodeClients], progress: () => {} };
    const report = await killUnderClients(wanted);
    expect(report.problems).toEqual([]);
    expect(report.kills).toBe(2);
    expect(Math.min(report.acknowledged, report.given)).toBeGreaterThan(100);
    expect(report.commits).toBeGreaterThan(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const sound = [
  'ack t 0 0 0',
  'ack t 0 1 1',
  'begin g t 0 0',
  'got g t 0 0 0',
  'commit g t 0 1',
  'begin g t 0 1',
  'got g t 0 1 1',
  'produced t 0 2',
];

function found(lines: readonly string[], values: readonly string[] = ['0', '1'], committed = 1): string[] {
  const ledger = new Ledger();
  for (const line of lines) ledger.tell(line);
  ledger.checkCommitted('g', 't-0', committed, ledger.committed('g'));
  ledger.checkRead(['g'], ['t']);
  ledger.checkLog('t-0', values);
  return ledger.problems;
}

test('the ledger sees what is lost, doubled, reordered, and offsets that go back', () => {
  expect(found(sound)).toEqual([]);
  expect(found(sound, ['0'])).toHaveLength(2);
  expect(found(sound, ['0', '1', '1'])).toEqual(['t-0 holds 1 at 2', 't-0: 2 were produced, 2 acknowledged, 3 are there']);
  expect(found(sound, ['1', '0'])).toEqual(['t-0 holds 1 at 0']);
  expect(found(sound, ['0', '1'], 0)).toEqual(['g has committed 0 of t-0, and 1 was acknowledged']);
  expect(found([...sound, 'begin g t 0 0'])).toEqual(['g t-0 goes on at 0, and 1 was committed']);
  expect(found(['ack t 0 5 0'], [])).toContain('t-0: 0 was acknowledged at 5');
  expect(found(sound.filter((line) => line !== 'got g t 0 1 1'))).toEqual(['g was not given 1 of t-0, which has 2']);
  expect(found(sound.filter((line) => !line.startsWith('got')))).toContain('g t-0 goes on at 1, and was given none from 0 on');
  expect(found([...sound, 'wrong send'])).toEqual(['send']);
  expect(found([...sound, 'ack t x 1'])).toEqual(['a client says "ack t x 1"']);
});
