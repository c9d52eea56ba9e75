/** A Kafka cluster of three through `connect`, one of which is killed while the cases run: the same cases as every bus. Part of `npm run interop`. */
import { afterAll } from 'vitest';
import { connect } from '../../src/index.ts';
import { type AnyBus, busSuite } from '../suites/bus.ts';
import { isFull } from './brokers.ts';
import { type KafkaCluster, startKafkaCluster } from './cluster.ts';
import { javaSkipReason } from './java.ts';

let cluster: KafkaCluster | null = null;
let killing: NodeJS.Timeout | undefined;
afterAll(async () => {
  clearTimeout(killing);
  await cluster?.stop();
});

/** In the middle of the cases that produce and consume; groups and administration come after it. */
const KILLED_AFTER_MS = 4000;

const settings = { 'log.retention.check.interval.ms': '100', 'log.initial.task.delay.ms': '100' };

async function open(): Promise<AnyBus> {
  cluster = await startKafkaCluster({ settings });
  killing = setTimeout(() => void cluster?.nodes[0].kill(), KILLED_AFTER_MS);
  return connect({ brokers: cluster.brokers });
}

busSuite('three brokers of Apache Kafka, one of them killed meanwhile', 'kafka', open, isFull ? javaSkipReason : 'npm run interop does it');
