package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

  @Test
  void memoryIsRecordedWhenAskedFor(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("memory.jfr");
    long before = MemoryAccount.live();
    Object owner = new Object();
    try (Recording recording = new Recording()) {
      recording.enable("dev.warpwright.MemoryHeld");
      recording.start();
      LeakDetector.Registration registration = LeakDetector.register(owner, "recorded", 100);
      registration.resize(70);
      registration.close();
      registration.resize(5);
      recording.stop();
      recording.dump(file);
    } finally {
      Reference.reachabilityFence(owner);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("dev.warpwright.MemoryHeld"))
            .filter(event -> event.getString("holder").equals("recorded"))
            .toList();
    assertEquals(List.of(100L, -30L, -70L), events.stream().map(e -> e.getLong("change")).toList());
    assertEquals(before + 100, events.getFirst().getLong("held"));
  }
}
