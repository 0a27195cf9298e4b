package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** Masks and biases as kernel arguments. */
final class Maskings {
  private Maskings() {}

  /** Bytes of the staging area that the biases of a masking take at most. */
  static long staged(Masking masking, Heads heads) {
    long one = CudaRun.staged((long) Float.BYTES * heads.queryHeads());
    return (masking.alibi() ? one : 0) + (masking.sinkLogits() ? one : 0);
  }

  /** Device address of the slopes of ALiBi, or 0. */
  static long slopes(CudaRun run, AttentionBias bias) {
    return address(run, bias.slopes());
  }

  /** Device address of the sink logits, or 0. */
  static long sinks(CudaRun run, AttentionBias bias) {
    return address(run, bias.sinkLogits());
  }

  /** Device address of the numbers beside the slots, or 0. */
  static long slots(AttentionBias bias) {
    SlotArray slots = bias.slotBias();
    return slots == null ? 0 : CudaRun.address(slots.tensor());
  }

  private static long address(CudaRun run, @Nullable Tensor part) {
    return part == null ? 0 : run.input(part);
  }

  /** Adds whether attention is causal, the window and the cap. */
  static void addTo(KernelArguments arguments, Masking masking) {
    arguments.add(masking.causal() ? 1 : 0).add(masking.window()).add(masking.softCap());
  }
}
