/** Thread entry of a listener: takes up its place on the bus and runs the actor until it is told to close. No logic. */
import type { MessagePort } from 'node:worker_threads';
import { type BusHandle, takeUpHandle } from '../src/dispatch/handle.ts';
import { handlers } from '../src/kafka/handlers.ts';
import { Listener, type ListenerCounts } from '../src/kafka/listener.ts';
import { type LogLevel, pinoLogger } from '../src/world/logger.ts';
import type { ServerAddress } from '../src/world/net.ts';

export interface ListenerData {
  handle: BusHandle;
  host: string;
  port: number;
  path: string | null;
  advertisedHost: string | null;
  advertisedPort: number | null;
  connectionsMax: number;
  connectionsPerAddressMax: number;
  requestBytesMax: number;
  queuedBytesMax: number;
  idleMs: number;
  clusterId: string;
  folder: string | null;
  logLevel: LogLevel;
  control: MessagePort;
}

/** What it tells: first whether it listens, then what it is asked. */
export type ListenerSays =
  | { said: 'listening'; address: ServerAddress }
  | { said: 'refused'; message: string; code: string }
  | { said: 'counts'; id: number; counts: ListenerCounts };
/** What it is told. */
export type ListenerTold = { told: 'close'; deadlineMs: number } | { told: 'count'; id: number };

export default function run(data: ListenerData): Promise<void> {
  return new Promise((resolve) => {
    const { dispatcher, control: hosts } = takeUpHandle(data.handle);
    const { control } = data;
    const say = (said: ListenerSays): void => control.postMessage(said);
    const end = (): void => {
      dispatcher.close();
      hosts.close();
      control.close();
      resolve();
    };
    const listener = new Listener({ ...data, dispatcher, handlers, log: pinoLogger('spillway-listener', data.logLevel) });
    control.on('message', (told: ListenerTold) => {
      if (told.told === 'close') listener.close(told.deadlineMs, end);
      else say({ said: 'counts', id: told.id, counts: listener.counts });
    });
    listener.start((address, error) => {
      if (address !== null) return say({ said: 'listening', address });
      say({ said: 'refused', message: error?.message ?? '', code: (error as NodeJS.ErrnoException | null)?.code ?? '' });
      end();
    });
  });
}
