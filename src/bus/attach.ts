/** A bus in a worker of the user's: taken up from a handle that the bus made. */
import { Client } from '../client/client.ts';
import { type BusHandle, takeUpHandle } from '../dispatch/handle.ts';
import { ReachedBus } from './reached-bus.ts';

/** A bus as a worker sees it. */
export type AttachedBus = ReachedBus;

/**
 * Takes up a handle in a worker: producers, consumers and administration as on the thread that opened the bus. Throws BusError
 * INVALID_ARGUMENT for what is no handle, or one that was taken up before.
 */
export function attach(handle: BusHandle): AttachedBus {
  const { dispatcher, control } = takeUpHandle(handle);
  return new ReachedBus(new Client(dispatcher), () => {
    dispatcher.close();
    control.close();
  });
}
