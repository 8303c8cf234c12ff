import type uPlot from 'uplot';
import { afterEach, expect, test, vi } from 'vitest';
import { Plot } from './plot.ts';

/** The drawing library, which wants a canvas. */
const { drawn } = vi.hoisted(() => ({ drawn: [] as { options: uPlot.Options; redraw: () => void }[] }));

vi.mock('uplot', () => ({
  default: class {
    readonly redraw = vi.fn();
    readonly destroy = vi.fn();
    constructor(readonly options: uPlot.Options) {
      drawn.push(this);
    }
  },
}));

afterEach(() => document.body.replaceChildren());

test('is drawn anew, in the colors of then, when the color scheme changes, and not once it is gone', async () => {
  const scheme = new EventTarget();
  vi.spyOn(globalThis, 'matchMedia').mockReturnValue(scheme as MediaQueryList);
  const plot = new Plot();
  plot.series = [{ label: '', color: 'var(--ember)', fill: 'var(--soft)' }];
  plot.style.setProperty('--ember', 'red');
  plot.style.setProperty('--soft', 'pink');
  document.body.append(plot);
  await plot.updateComplete;
  const colors = () => {
    const line = drawn[0]?.options.series[1] as { stroke: () => string; fill: () => string } | undefined;
    return [line?.stroke(), line?.fill()];
  };
  expect(colors()).toEqual(['red', 'pink']);

  plot.style.setProperty('--ember', 'orange');
  scheme.dispatchEvent(new Event('change'));
  expect(drawn[0]?.redraw).toHaveBeenCalledOnce();
  expect(colors()).toEqual(['orange', 'pink']);

  plot.remove();
  scheme.dispatchEvent(new Event('change'));
  expect(drawn).toHaveLength(1);
  expect(drawn[0]?.redraw).toHaveBeenCalledOnce();
});
