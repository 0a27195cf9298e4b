package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.attention.Masking;

/** Masks as kernel arguments. */
final class Maskings {
  private Maskings() {}

  /** Adds whether attention is causal, the window and the cap. */
  static void addTo(KernelArguments arguments, Masking masking) {
    arguments.add(masking.causal() ? 1 : 0).add(masking.window()).add(masking.softCap());
  }
}
