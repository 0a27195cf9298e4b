package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.Reference;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class LeakDetectorTest {
  /** Something that is forgotten, closed or not. */
  private static void make(String name, boolean close) {
    Object owner = new Object();
    LeakDetector.Registration registration = LeakDetector.register(owner, name, 123);
    assertEquals(123, registration.bytes());
    if (close) {
      registration.close();
      registration.close();
    }
  }

  @Test
  void reportsWhatWasNotClosed() throws InterruptedException {
    List<String> reports = new CopyOnWriteArrayList<>();
    Consumer<String> before = LeakDetector.listen(reports::add);
    try {
      make("closed thing", true);
      make("leaked thing", false);
      for (int i = 0; i < 500 && reports.stream().noneMatch(r -> r.contains("leaked thing")); i++) {
        System.gc();
        Thread.sleep(10);
      }
    } finally {
      LeakDetector.listen(before);
    }
    assertTrue(
        reports.stream()
            .anyMatch(r -> r.startsWith("leaked: leaked thing (123 bytes) was never closed")),
        reports::toString);
    assertTrue(reports.stream().noneMatch(r -> r.contains("closed thing")), reports::toString);
  }

  @Test
  void closedMemoryIsNoLongerAccountedFor() {
    long live = MemoryAccount.live();
    Object owner = new Object();
    LeakDetector.Registration registration = LeakDetector.register(owner, "thing", 1 << 20);
    try {
      assertEquals(live + (1 << 20), MemoryAccount.live());
      registration.close();
      registration.close();
      assertEquals(live, MemoryAccount.live());
    } finally {
      Reference.reachabilityFence(owner);
    }
  }
}
