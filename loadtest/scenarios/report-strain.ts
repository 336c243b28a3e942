/** Loaded before the program of a process of ours (`--import`): tells whoever forked it of its strain. */
import { StrainGauge } from '#loadtest/workload/generator/strain.ts';

const gauge = new StrainGauge();
process.on('message', (what) => {
  if (what === 'begin') gauge.begin();
  else process.send?.(gauge.read());
});
// It is no reason to live on.
process.channel?.unref();
