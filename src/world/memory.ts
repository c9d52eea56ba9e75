/** What this thread and this process use of memory. By `process.memoryUsage`: `node:v8` would take a millisecond of a thread's start. */

/** `heapBytes`: this thread's V8 heap and what it holds outside. `rssBytes`: the whole process. */
export function processMemory(): { heapBytes: number; rssBytes: number } {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}

/** Costs 8 µs, most of it for the process's part. */
export function heapBytes(): number {
  return processMemory().heapBytes;
}
