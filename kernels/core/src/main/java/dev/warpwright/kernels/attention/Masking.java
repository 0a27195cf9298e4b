package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;

/**
 * What happens to a logit between scale and softmax. All of it uses logical positions: i of the
 * query, j of the key.
 *
 * @param causal whether keys with j &gt; i are masked; masked logits are −∞
 * @param window keys with j &lt; i − window are masked; −1 for none
 * @param softCap a logit s becomes {@code softCap · tanh(s / softCap)}; 0 for none
 * @param alibi whether {@code slope[h] · (j − i)} is added, slopes given at {@code run}
 * @param sinkLogits whether an extra logit a query head, given at {@code run}, enters the
 *     denominator
 * @param slotBias whether a number beside each slot, given at {@code run}, is added
 */
public record Masking(
    boolean causal,
    int window,
    float softCap,
    boolean alibi,
    boolean sinkLogits,
    boolean slotBias) {
  /** Causal, nothing else. */
  public static final Masking CAUSAL = new Masking(true, -1, 0, false, false);

  /** Every key is visible. */
  public static final Masking NONE = new Masking(false, -1, 0, false, false);

  /** Checks the values. */
  public Masking {
    Checks.between("window", window, -1, Integer.MAX_VALUE);
    Checks.that(
        softCap >= 0 && Float.isFinite(softCap),
        "softCap",
        softCap,
        "a finite number of at least 0");
  }

  /** Without numbers beside the slots. */
  public Masking(boolean causal, int window, float softCap, boolean alibi, boolean sinkLogits) {
    this(causal, window, softCap, alibi, sinkLogits, false);
  }

  /** The same with a number beside each slot. */
  public Masking withSlotBias() {
    return new Masking(causal, window, softCap, alibi, sinkLogits, true);
  }

  /** Whether there is nothing beside the causal mask. */
  public boolean isPlain() {
    return window < 0 && softCap == 0 && !alibi && !sinkLogits && !slotBias;
  }
}
