/** An EventEmitter on one thread: no queue at all, `emit` runs the listener. Each message is an object with bytes of its own. */
import { EventEmitter } from 'node:events';
import { DelayLog, nowUs, sendAtPace } from '../pace.ts';
import { DUE_AT, keyOf, makeValue, readNumber, Tally, writeNumber } from '../records.ts';
import { latencyRates, type Peer, type PeerSetup, tellRate, wants } from './work.ts';

interface Message {
  key: Buffer;
  value: Buffer;
}

export const peer: Peer = {
  skipReason: () => null,
  async run(setup) {
    if (wants(setup, 'both 100 B')) {
      const count = setup.counts.records100;
      emitAll(count / 4);
      await tellRate(setup, 'both 100 B', count, () => emitAll(count));
    }
    for (const work of ['latency 1,000/s', 'latency 50,000/s'] as const) if (wants(setup, work)) await latency(setup, work);
    return 0;
  },
};

function emitAll(count: number): string {
  const tally = new Tally();
  const emitter = new EventEmitter();
  emitter.on('message', ({ key, value }: Message) => tally.take(key, value));
  const template = makeValue(100);
  for (let i = 0; i < count; i++) {
    const value = Buffer.from(template);
    writeNumber(value, i);
    emitter.emit('message', { key: keyOf(i), value });
  }
  return tally.check;
}

async function latency(setup: PeerSetup, work: keyof typeof latencyRates): Promise<void> {
  const recordsPerSecond = latencyRates[work];
  const count = (recordsPerSecond * setup.counts.latencyMs) / 1000;
  const delays = new DelayLog(count);
  const emitter = new EventEmitter();
  emitter.on('message', ({ value }: Message) => delays.add(readNumber(value, 0), nowUs() - value.readDoubleLE(DUE_AT)));
  const template = makeValue(100);
  await sendAtPace({ recordsPerSecond, count }, (index, dueUs) => {
    const value = Buffer.from(template);
    writeNumber(value, index);
    value.writeDoubleLE(dueUs, DUE_AT);
    emitter.emit('message', { key: keyOf(index), value });
    return true;
  });
  const { p50Us, p99Us, p999Us } = delays.summary();
  setup.tell({ work, value: p50Us, p99Us, p999Us, unit: 'µs', check: `${delays.count}` });
}
