package dev.warpwright.kernels;

/**
 * Something that holds memory until it is closed. Whoever made it closes it; closing again does
 * nothing, and use after closing throws {@link IllegalStateException}.
 */
public interface Resource extends AutoCloseable {
  /** Frees what is held; idempotent. */
  @Override
  void close();
}
