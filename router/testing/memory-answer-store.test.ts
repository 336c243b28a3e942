import { createTestClock } from '#shared/testing/test-clock.ts';
import { contractLimits, describeAnswerStore, type AnswerMedium } from '../ledger/answer-store.contract.ts';
import { MemoryAnswerShelf } from './memory-answer-store.ts';

const stepMs = 100;
const patienceMs = 10_000;

function createMedium(): Promise<AnswerMedium> {
  const clock = createTestClock();
  const shelf = new MemoryAnswerShelf(contractLimits, clock);
  return Promise.resolve({
    open: (_router, own = []) => shelf.open(() => own),
    now: () => clock.now(),
    async eventually(look) {
      for (const begun = clock.now(); ; await clock.advance(stepMs)) {
        try {
          return await look();
        } catch (error) {
          if (clock.now() - begun > patienceMs) throw error;
        }
      }
    },
    cut: () => Promise.resolve(void (shelf.isCut = true)),
    heal: () => Promise.resolve(shelf.heal()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

describeAnswerStore('MemoryAnswerStore', createMedium);
