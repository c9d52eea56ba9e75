/** A thread entry in the place of the coordinator's. What its `defaults` say under "lives" is what becomes of each life, in order. */
import { appendFileSync, readFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { errors } from '../../src/base/errors.ts';
import type { CoordinatorData, GiveUpData } from '../../workers/coordinator.ts';

export default async function run(data: CoordinatorData | GiveUpData): Promise<void> {
  if ('giveUp' in data) return;
  const { control, defaults, facts, successor } = data;
  const lives = readFileSync(defaults.diary, 'utf8').split('\n').length - 1;
  appendFileSync(defaults.diary, `${JSON.stringify({ successor, facts: facts.length, threadId })}\n`);
  const fate = defaults.lives.split(' ')[lives] ?? 'fails';
  if (fate === 'dies') process.exit(3);
  if (fate === 'locked') {
    const details = { pid: 4711 };
    control.postMessage({ control: 'refused', error: errors.FOLDER_LOCKED.code, message: 'in use by process 4711', details });
    throw new Error('refused');
  }
  control.postMessage({ control: 'ready', busId: 'fake' });
  control.postMessage({ control: 'facts', facts: [{ fact: 'busMade', busId: 'fake', hosts: 1 }] });
  if (fate === 'fails') throw new Error('as told');
  await new Promise<void>((resolve) => control.on('close', resolve));
}
