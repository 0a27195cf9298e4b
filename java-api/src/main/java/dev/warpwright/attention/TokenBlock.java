package dev.warpwright.attention;

import java.util.Arrays;

/** Token ids as a key: two blocks are equal when their tokens are. */
final class TokenBlock {
  private final int[] tokens;

  /** A block that keeps {@code tokens}. */
  TokenBlock(int... tokens) {
    this.tokens = tokens;
  }

  /** Number of tokens. */
  int length() {
    return tokens.length;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenBlock block && Arrays.equals(tokens, block.tokens);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(tokens);
  }
}
