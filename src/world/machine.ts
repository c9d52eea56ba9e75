/** The machine that the bus runs on. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';

export const availableCores = (): number => availableParallelism();
export const resolveFolder = (path: string): string => resolve(path);
