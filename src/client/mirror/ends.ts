/** What a mirror copies from and to: a bus, however far away. */
import type { Client } from '../client.ts';

export type MirrorEnd = Pick<Client, 'admin' | 'producer' | 'consumer'>;
