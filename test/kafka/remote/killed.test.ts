/** `spillway run` is killed again and again under a remote producer and a reader, and started over its folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connect } from '../../../src/index.ts';
import { type Running, start } from '../../cli/spawn.ts';
import { freePort } from '../../interop/java.ts';
import { SteadyFlow } from './steady-flow.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-killed-'));
let running: Running | null = null;
afterAll(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('a broker that is killed three times loses, doubles and reorders nothing', async () => {
  const port = await freePort();
  const serve = async (): Promise<Running> => {
    const made = start(['run', '--port', String(port), '--set', 'log.durability=written'], folder);
    running = made;
    await made.shows('listening on');
    return made;
  };
  let broker = await serve();
  const remote = await connect({ brokers: [`127.0.0.1:${port}`] });
  await remote.admin().createTopics([{ name: 'steady', partitions: 3 }]);
  const flow = new SteadyFlow(remote, 'steady', 3);
  flow.start(20);
  for (let i = 1; i <= 3; i++) {
    const from = flow.read;
    await expect.poll(() => flow.read).toBeGreaterThan(from + 500);
    broker.child.kill('SIGKILL');
    await broker.ended;
    broker = await serve();
  }
  const report = await flow.stop();
  expect(report).toMatchObject({ failures: [], wrong: [] });
  expect(report.sent).toBeGreaterThan(2000);
  await remote.close();
});
