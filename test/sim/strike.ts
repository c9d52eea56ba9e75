/** Lets one fault loose on a simulated bus, its machine or its clock. */
import type { MemoryStore } from '../../src/coordinator/memory-store.ts';
import type { Auditor } from './auditor.ts';
import type { SimBus } from './bus.ts';
import type { Machine } from './machine.ts';
import type { Fault } from './plan.ts';
import type { SimWorld } from './sim-world.ts';

interface Around {
  bus: SimBus;
  world: SimWorld;
  machine: Machine;
  /** Null: the bus has no folder. */
  store: MemoryStore | null;
  auditor: Auditor;
}

export function strike(fault: Exclude<Fault, { kind: 'end worker' }>, { bus, world, machine, store, auditor }: Around): void {
  const { actors } = bus;
  const stall = (which: readonly (typeof actors)[number][], ms: number): void => {
    const untilMs = world.clock.monotonicMs() + ms;
    for (const actor of which) actor.stalledUntilMs = Math.max(actor.stalledUntilMs, untilMs);
  };
  switch (fault.kind) {
    case 'crash host':
      return bus.crashHost(fault.host, fault.steps);
    case 'stop process':
      return actors[1 + fault.actor].crashAfter(fault.steps, 'process');
    case 'stall':
      return stall([actors[fault.actor % actors.length]], fault.ms);
    case 'freeze':
      return stall(actors, fault.ms);
    case 'store fails':
      if (store !== null) store.failNext = fault.commits;
      return;
    case 'wall clock':
      auditor.clockStepped();
      world.clock.wallStepMs += fault.stepMs;
      auditor.clockStepped();
      return;
    case 'crash coordinator':
      return bus.coordinator.crash(fault.steps);
    case 'coordinator fails':
      return bus.coordinator.fail(fault.stage, fault.turns);
    default:
      return machine.strike(fault);
  }
}
