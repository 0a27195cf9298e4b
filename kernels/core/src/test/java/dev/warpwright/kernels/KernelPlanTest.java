package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.cpu.ReferenceProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelPlanTest {
  private final KernelDevice device = new ReferenceProvider().open(OpenOptions.defaults());

  @AfterEach
  void close() {
    device.close();
  }

  /** A plan whose run is whatever a test needs. */
  private static final class TestPlan extends KernelPlan {
    int released;

    TestPlan(KernelDevice device) {
      super(device, () -> KernelId.COMBINE, 1000);
    }

    void run(Runnable work) {
      begin();
      try {
        work.run();
        launched(77);
      } finally {
        end();
      }
    }

    @Override
    protected void release() {
      released++;
    }
  }

  @Test
  void twoThreadsAreRefused() throws InterruptedException {
    TestPlan plan = new TestPlan(device);
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch checked = new CountDownLatch(1);
    Thread other =
        Thread.ofPlatform()
            .start(
                () ->
                    plan.run(
                        () -> {
                          running.countDown();
                          await(checked);
                        }));
    running.await();
    String message =
        assertThrows(IllegalStateException.class, () -> plan.run(() -> {})).getMessage();
    assertEquals("plan combine is in use by another thread: make one plan a thread", message);
    assertThrows(IllegalStateException.class, plan::close);
    checked.countDown();
    other.join();
    plan.run(() -> {});
    plan.close();
    assertEquals(1, plan.released);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void closeIsIdempotentAndFinal() {
    TestPlan plan = new TestPlan(device);
    assertEquals(1000, plan.workspaceBytes());
    plan.close();
    plan.close();
    assertEquals(1, plan.released);
    assertEquals(
        "plan combine is closed",
        assertThrows(IllegalStateException.class, () -> plan.run(() -> {})).getMessage());
  }

  @Test
  void plansOfAClosedDeviceRefuseToRunAndCanBeClosed() {
    TestPlan plan = new TestPlan(device);
    device.close();
    assertEquals(
        "device reference:0 is closed",
        assertThrows(IllegalStateException.class, () -> plan.run(() -> {})).getMessage());
    plan.close();
    assertEquals(1, plan.released);
  }

  @Test
  void aFailedRunLeavesThePlanUsable() {
    TestPlan plan = new TestPlan(device);
    assertThrows(
        ArithmeticException.class,
        () ->
            plan.run(
                () -> {
                  throw new ArithmeticException();
                }));
    plan.run(() -> {});
    plan.close();
  }

  @Test
  void runsAreRecordedWhenAskedFor(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("runs.jfr");
    try (Recording recording = new Recording();
        TestPlan plan = new TestPlan(device)) {
      plan.run(() -> {});
      recording.enable("dev.warpwright.KernelLaunch");
      recording.start();
      plan.run(() -> {});
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("dev.warpwright.KernelLaunch"))
            .toList();
    assertEquals(1, events.size());
    assertEquals("combine", events.getFirst().getString("kernel"));
    assertEquals("reference:0", events.getFirst().getString("device"));
    assertEquals(77, events.getFirst().getLong("bytes"));
    assertTrue(events.getFirst().getDuration("elapsed").toNanos() >= 0);
  }
}
