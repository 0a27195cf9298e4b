package dev.warpwright.cli.model;

import java.util.ArrayDeque;
import java.util.Deque;

/** Things that are closed together, the newest first. */
final class Resources implements AutoCloseable {
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  /** Takes over the closing of {@code resource}. */
  <T extends AutoCloseable> T own(T resource) {
    owned.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        // AutoCloseable declares it; nothing that is owned here throws it.
        throw new IllegalStateException(e);
      }
    }
  }
}
