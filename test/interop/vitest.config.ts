/** `npm run interop`: the cases of foreign clients on both brokers, Spillway and Apache Kafka, with those that take long. */
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import everyTest from '../../vitest.config.ts';

process.env.INTEROP_DOSE = 'full';

export default defineConfig({
  root: join(import.meta.dirname, '..', '..'),
  test: {
    ...everyTest.test,
    include: ['test/interop/**/*.test.ts', 'test/bench/wire.test.ts', 'test/bench/peers-java.test.ts'],
    // Brokers of Kafka's, up to three of them, want the cores for themselves.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
