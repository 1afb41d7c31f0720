import { describe, expect, it } from 'vitest';
import { nvSmall } from '../../targets/nvdla.ts';
import { Bus } from '../bus.ts';
import { referenceEngines } from '../engines/reference/engines.ts';
import { interruptBits, NvdlaDevice } from './nvdla-device.ts';

describe('the interrupts of GLB', () => {
  const device = new NvdlaDevice({ target: nvSmall, bus: new Bus(), engines: referenceEngines() });
  const register = (name: string): number => device.addressOf(`NVDLA_GLB.${name}_0`)!;
  const [pdp, sdp] = [1 << interruptBits.PDP, 1 << (interruptBits.SDP + 1)];

  it('raise the line unless they are masked, wait all the same, and go one by one', () => {
    expect(device.interruptLine).toBe(false);
    device.write(register('S_INTR_MASK'), pdp);
    device.write(register('S_INTR_SET'), pdp);
    expect(device.read(register('S_INTR_STATUS'))).toBe(pdp);
    expect(device.interruptLine).toBe(false);
    device.write(register('S_INTR_SET'), sdp);
    expect(device.interruptLine).toBe(true);
    device.write(register('S_INTR_STATUS'), sdp);
    expect(device.interrupts).toBe(pdp);
    expect(device.interruptLine).toBe(false);
    device.write(register('S_INTR_MASK'), 0);
    expect(device.interruptLine).toBe(true);
    device.write(register('S_INTR_STATUS'), pdp);
    expect(device.interruptLine).toBe(false);
  });
});
