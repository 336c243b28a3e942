import { describeEdgeSource } from './edge-source.contract.ts';
import { startFixedEdgeSource } from './fixed-edge-source.ts';

describeEdgeSource('a fixed list', ({ access, pools }) =>
  Promise.resolve((copy) => startFixedEdgeSource({ access, pools }, copy)),
);
