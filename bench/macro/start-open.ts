/** Opens and closes a bus many times, in a process of its own. */
import { enableCompileCache } from 'node:module';
import type * as Spillway from '../../src/index.ts';
import { expectCheck } from '../harness.ts';
import { setupOf, tell } from '../scenario.ts';

export interface OpenSetup {
  /** Of the sources or of the built package. */
  module: string;
  /** '': none. */
  folder: string;
  partitions: number;
  times: number;
}

export interface Opened {
  firstMs: number;
  openMs: number[];
  check: string;
}

// Modules count as loaded: what the threads of a bus load is compiled once, as `spillway` and the tests have it too.
enableCompileCache();

const { module, folder, partitions, times } = setupOf<OpenSetup>();
const { Bus } = (await import(module)) as typeof Spillway;
const options = folder === '' ? {} : { dir: folder };

if (folder !== '') {
  await using bus = await Bus.open(options);
  await bus.admin().createTopics([{ name: 'clean', partitions }]);
  // A record in each, so that there is something to open.
  await using producer = bus.producer();
  await Promise.all(Array.from({ length: partitions }, (_, partition) => producer.send('clean', { value: partition, partition })));
}
const openMs: number[] = [];
let check = '';
for (let i = 0; i <= times; i++) {
  const startMs = performance.now();
  const bus = await Bus.open(options);
  openMs.push(performance.now() - startMs);
  const topics = await bus.admin().listTopics();
  check = expectCheck(`${topics.reduce((sum, topic) => sum + topic.partitions, 0)}`, `${partitions}`, 'partitions after opening');
  await bus.close();
}
const [firstMs] = openMs.splice(0, 1);
tell({ firstMs, openMs, check: `${check} partitions` } satisfies Opened);
