/**
 * Steps measured on a real card: one NVIDIA H200 (141 GB), PyTorch 2.11, bf16, random weights; one layer timed with device
 * events (median of 5) and multiplied by the number of layers, plus the head of the model; decode steps as CUDA graphs.
 * FlashAttention-2 as in PyTorch, experts by grouped GEMM, nothing fused further: a slow bound, which a serving engine
 * stays below. Milliseconds; measured for Fairway in November 2026.
 */
export interface MeasuredSteps {
  /** A chunk of `tokens` behind so many cached tokens. */
  readonly prefill: readonly { readonly tokens: number; readonly ms: Readonly<Record<number, number>> }[];
  /** A step of `sequences` of so many context tokens each. */
  readonly decode: readonly { readonly sequences: number; readonly ms: Readonly<Record<number, number>> }[];
}

/** 48 layers, hidden 2,048, 32 heads, 4 KV heads of 128, 128 experts (8 active) of 768: 98,304 bytes of KV per token. */
export const measured30b: MeasuredSteps = {
  prefill: [
    { tokens: 256, ms: { 0: 53, 8192: 61, 32768: 69, 98304: 110 } },
    { tokens: 1024, ms: { 0: 71, 8192: 78, 32768: 136, 98304: 286 } },
    { tokens: 2048, ms: { 0: 89, 8192: 129, 32768: 232, 98304: 534 } },
    { tokens: 8192, ms: { 0: 267, 8192: 420, 32768: 857, 98304: 2057 } },
  ],
  decode: [
    { sequences: 1, ms: { 1024: 8.0, 8192: 8.6, 32768: 10.8, 98304: 16.8 } },
    { sequences: 8, ms: { 1024: 15.3, 8192: 18.3, 32768: 24.5, 98304: 45.3 } },
    { sequences: 32, ms: { 1024: 26.2, 8192: 36.7, 32768: 63.9, 98304: 143.4 } },
    { sequences: 64, ms: { 1024: 30.0, 8192: 47.7, 32768: 103.3, 98304: 267.9 } },
    { sequences: 128, ms: { 1024: 33.6, 8192: 71.7, 32768: 179.0 } },
  ],
};

/** 32 layers, hidden 4,096, 32 heads, 8 KV heads, MLP of 14,336: 131,072 bytes of KV per token. */
export const measured8b: MeasuredSteps = {
  prefill: [
    { tokens: 256, ms: { 0: 15, 8192: 18, 32768: 28, 98304: 56 } },
    { tokens: 1024, ms: { 0: 26, 8192: 42, 32768: 79, 98304: 176 } },
    { tokens: 2048, ms: { 0: 51, 8192: 76, 32768: 154, 98304: 372 } },
    { tokens: 8192, ms: { 0: 229, 8192: 354, 32768: 642, 98304: 1442 } },
  ],
  decode: [
    { sequences: 1, ms: { 1024: 6.1, 8192: 6.0, 32768: 7.9, 98304: 12.2 } },
    { sequences: 8, ms: { 1024: 6.1, 8192: 8.4, 32768: 15.9, 98304: 37.6 } },
    { sequences: 32, ms: { 1024: 7.7, 8192: 16.4, 32768: 49.8, 98304: 145.2 } },
    { sequences: 64, ms: { 1024: 9.2, 8192: 29.4, 32768: 96.1 } },
    { sequences: 128, ms: { 1024: 13.8, 8192: 50.0 } },
  ],
};

/** What the same card can do at most. */
export const h200 = {
  /** Measured in reading; copying reaches 4.30. */
  bytesPerMs: 4.34e9,
  /** Measured with cuDNN (595–680 TFLOP/s): the best milliseconds per pair of 48 layers of 32 heads. */
  perPair48x32: 5.8e-7,
  /** The data sheet's dense peak in bf16, FLOPs per millisecond; twice that in FP8. */
  flopsPerMs: 989e9,
};
