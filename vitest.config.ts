import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/sequence.ts';

// A bus starts threads; compiled once, their modules load in a fraction of the time.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'spillway-test-compile-cache');

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, not threads: a thread that dies with an open better-sqlite3 database can take its process along.
    pool: 'forks',
    // One more than the cores that it is meant for: many wait for time to pass, or for other programs.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Foreign clients are tried side by side: they wait more than they work.
    maxConcurrency: 8,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes soon on an idle machine; a loaded one takes its time to start a thread.
    expect: { poll: { timeout: 15_000, interval: 10 } },
    // .ci/run reads the counts from this file.
    reporters: process.env.VITEST_JSON ? ['default', ['json', { outputFile: process.env.VITEST_JSON }]] : ['default'],
  },
});
