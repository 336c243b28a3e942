import { describe, expect, it } from 'vitest';
import { takeNatsFrames } from './nats-frames.ts';

const stream = 'INFO {"a":1}\r\nPING\r\nMSG a.b 1 5\r\nab\r\nc\r\nHMSG a 2 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n+OK\r\n';

describe('NATS frames', () => {
  it('are the same however the bytes are cut', () => {
    const whole = takeNatsFrames(Buffer.from(stream));
    expect(whole.frames.map(({ payload }) => payload)).toEqual([null, null, 'ab\r\nc', 'NATS/1.0\r\n\r\nhi', null]);
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const first = takeNatsFrames(Buffer.from(stream.slice(0, cut)));
      const second = takeNatsFrames(Buffer.concat([first.rest, Buffer.from(stream.slice(cut))]));
      const frames = [...first.frames, ...second.frames];
      expect(frames.map(({ payload }) => payload)).toEqual(whole.frames.map(({ payload }) => payload));
      expect(Buffer.concat(frames.map(({ bytes }) => bytes)).toString()).toBe(stream);
    }
  });
});
