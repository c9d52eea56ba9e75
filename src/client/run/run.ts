/** `consumer.run`: puts together what calls the handlers, what schedules them, and the consumer that they read from. */
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import type { Runner, Work } from '../group/work.ts';
import type { SeekTarget, TopicPartition } from '../places.ts';
import { handsOf } from './hands.ts';
import { ModuleHands } from './module-hands.ts';
import { checkRunOptions, type RunOptions } from './run-options.ts';
import { HandlerRunner } from './runner.ts';
import type { RunReport } from './setup.ts';

/** What a run needs of its consumer. */
export interface RunConsumer<K, V, H> {
  dispatcher: Dispatcher;
  /** '' without a group. */
  groupId: string;
  employ(runner: Runner): Work<K, V, H>;
  assignment(): (TopicPartition & { position: number })[];
  seek(where: TopicPartition, target: SeekTarget): Promise<void>;
}

export async function runHandlers<K, V, H>(consumer: RunConsumer<K, V, H>, options: RunOptions<K, V, H>): Promise<RunReport> {
  const { dispatcher, groupId } = consumer;
  const checked = checkRunOptions(options);
  options.signal?.throwIfAborted();
  const hands =
    options.module === undefined ? handsOf(options, checked.order === 'key') : new ModuleHands<K, V, H>(options.module, checked.threads);
  const runner = new HandlerRunner({ dispatcher, hands, options: checked, deadLetter: options.deadLetter?.topic ?? null, groupId });
  const work = consumer.employ(runner);
  const stop = (): void => void runner.stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    return await runner.run(work);
  } finally {
    options.signal?.removeEventListener('abort', stop);
    if (!work.closing) await goBack(consumer, work, runner.positions());
    work.end();
  }
}

/** What was taken and not handled is read again, by whoever reads next. */
export async function goBack<K, V, H>(
  consumer: RunConsumer<K, V, H>,
  work: Work<K, V, H>,
  positions: readonly (TopicPartition & { offset: number })[],
): Promise<void> {
  const now = new Map(consumer.assignment().map(({ topic, partition, position }) => [`${partition} ${topic}`, position]));
  for (const { topic, partition, offset } of positions) {
    const position = now.get(`${partition} ${topic}`);
    if (position === undefined) continue;
    if (position !== offset) await consumer.seek({ topic, partition }, offset).catch(() => {});
    work.release(topic, partition);
  }
}
