/** Apache Kafka's own broker through `connect`: the same cases as every bus, but for the differences that are named. */
import { afterAll } from 'vitest';
import { connect } from '../../src/index.ts';
import { type AnyBus, busSuite } from '../suites/bus.ts';
import { isFull } from './brokers.ts';
import { javaSkipReason, type KafkaBroker, startKafkaBroker } from './java.ts';

let kafka: KafkaBroker | null = null;
afterAll(() => kafka?.stop());

// What a test cannot wait for: how often retention is looked at.
const settings = { 'log.retention.check.interval.ms': '100', 'log.initial.task.delay.ms': '100' };

async function open(): Promise<AnyBus> {
  kafka = await startKafkaBroker({ settings, readyWithinMs: 240_000 });
  return connect({ brokers: [kafka.bootstrap] });
}

busSuite('a broker of Apache Kafka', 'kafka', open, isFull ? javaSkipReason : 'npm run interop does it');
