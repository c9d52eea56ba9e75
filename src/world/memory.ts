/** What this thread and this process use of memory. By `process.memoryUsage`: `node:v8` would take a millisecond of a thread's start. */

export interface ThreadMemory {
  /** This thread's V8 heap and what it holds outside. */
  heapBytes: number;
  /** Of the whole process. */
  rssBytes: number;
  /** What V8 manages: beyond the limit the thread dies. */
  heapUsedBytes: number;
  /** 0: not looked up yet. */
  heapLimitBytes: number;
}

/** The limit is looked up at this call: by then a start is over. */
const LOOK_UP_AT_CALL = 3;

let calls = 0;
let heapLimitBytes = 0;

export function processMemory(): ThreadMemory {
  const { heapUsed, external, rss } = process.memoryUsage();
  if (++calls === LOOK_UP_AT_CALL) heapLimitBytes = process.getBuiltinModule('node:v8').getHeapStatistics().heap_size_limit;
  return { heapBytes: heapUsed + external, rssBytes: rss, heapUsedBytes: heapUsed, heapLimitBytes };
}

/** Costs 8 µs, most of it for the process's part. */
export function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
