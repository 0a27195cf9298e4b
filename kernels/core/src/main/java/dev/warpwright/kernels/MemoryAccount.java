package dev.warpwright.kernels;

import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.EventType;

/**
 * Bytes held by all pools, weights, tensors and plans of this JVM that were made by Warpwright and
 * are not closed yet. Memory that callers wrap is not counted.
 */
public final class MemoryAccount {
  private static final AtomicLong LIVE = new AtomicLong();
  private static final AtomicLong PEAK = new AtomicLong();

  private static final EventType EVENTS = EventType.getEventType(MemoryHeldEvent.class);

  private MemoryAccount() {}

  /** Bytes held now. */
  public static long live() {
    return LIVE.get();
  }

  /** Most bytes held at a time since the last {@link #resetPeak}. */
  public static long peak() {
    return PEAK.get();
  }

  /** Starts a new peak at what is held now. */
  public static void resetPeak() {
    PEAK.set(LIVE.get());
  }

  /** {@code holder} holds so many bytes more. */
  static void add(String holder, long bytes) {
    long live = LIVE.addAndGet(bytes);
    PEAK.accumulateAndGet(live, Math::max);
    if (EVENTS.isEnabled()) {
      MemoryHeldEvent.record(holder, bytes, live);
    }
  }
}
