/**
 * A program that uses a bus: `node child.ts MODE FOLDER`. It tells its parent what it does by lines on standard output.
 *
 *   closes   opens, sends, reads, closes, and should end by itself
 *   listens  the same, while it listened for Kafka clients
 *   stays    the same without closing
 *   writes   sends one record after the other, printing the offset of each that is acknowledged, until it is stopped
 *   owns     opens the folder and stays
 */
import { Bus } from '../../src/index.ts';

const [mode, folder] = process.argv.slice(2);
const bus = await Bus.open({ ...(folder === undefined ? {} : { dir: folder }), hosts: 2, memoryBytesMax: 32 * 1024 * 1024 });
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

switch (mode) {
  case 'closes':
  case 'listens':
  case 'stays': {
    if (mode === 'listens') await bus.listen({ port: 0 });
    const consumer = await work();
    if (mode !== 'stays') say(`closed ${JSON.stringify(await bus.close())}`);
    else say(`done ${consumer.assignment().length}`);
    break;
  }
  case 'writes': {
    const producer = bus.producer();
    for (let i = 0; ; i++) say(`acked ${(await producer.send('t', { partition: 0, value: i })).offset}`);
  }
  case 'owns':
    say('owned');
    break;
  default:
    throw new Error(`what is "${mode}"?`);
}

async function work() {
  await bus.admin().createTopics([{ name: 't', partitions: 4 }]);
  const producer = bus.producer({ lingerMs: 5 });
  await producer.send(
    't',
    Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: i })),
  );
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('t');
  for (let count = 0; count < 100; ) count += (await consumer.poll({ timeoutMs: 1000 })).length;
  return consumer;
}
