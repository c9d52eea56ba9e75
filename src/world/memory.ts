/** What this thread and this process use of memory. */
import { getHeapStatistics } from 'node:v8';

/** `heapBytes`: this thread's V8 heap and what it holds outside. `rssBytes`: the whole process. */
export function processMemory(): { heapBytes: number; rssBytes: number } {
  return { heapBytes: heapBytes(), rssBytes: process.memoryUsage.rss() };
}

export function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
