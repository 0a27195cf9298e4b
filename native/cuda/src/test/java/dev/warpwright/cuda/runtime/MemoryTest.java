package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Buffers and copies. */
@SoftGpuTest
class MemoryTest {
  private static final int N = 1000;

  private static MemorySegment numbers(Arena arena) {
    return arena.allocateFrom(JAVA_INT, IntStream.range(0, N).toArray());
  }

  @Test
  void copiesThereAndBack() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        DeviceBuffer buffer = device.allocate(4 * N, "numbers")) {
      MemorySegment back = arena.allocate(4 * N);
      buffer.copyFrom(numbers(arena));
      buffer.copyTo(back);
      assertEquals(-1, numbers(arena).mismatch(back));
      assertEquals("cuda:0", buffer.place());
      assertEquals(4 * N, buffer.bytes());
    }
  }

  @Test
  void enqueuedCopiesKeepTheirOrder() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer first = device.allocate(4 * N, "first");
        DeviceBuffer second = device.allocate(4 * N, "second");
        PinnedBuffer pinned = device.allocatePinned(4 * N, "staging")) {
      pinned.segment().copyFrom(numbers(arena));
      first.copyFrom(0, pinned.segment(), stream);
      first.fill(0, 4, (byte) 0x11, stream);
      second.copyFrom(8, first, 0, 4 * N - 8, stream);
      second.copyTo(0, pinned.segment(), stream);
      assertFalse(stream.isIdle());
      stream.synchronise();
      assertTrue(stream.isIdle());
      assertEquals(0x11111111, pinned.segment().getAtIndex(JAVA_INT, 2));
      assertEquals(N - 3, pinned.segment().getAtIndex(JAVA_INT, N - 1));
    }
  }

  @Test
  void eventsOrderStreams() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream producer = device.newStream();
        CudaStream consumer = device.newStream();
        CudaEvent written = device.newEvent();
        CudaEvent read = device.newEvent();
        DeviceBuffer buffer = device.allocate(4, "value");
        PinnedBuffer pinned = device.allocatePinned(4, "value")) {
      buffer.fill(0, 4, (byte) 1, producer);
      written.record(producer);
      consumer.waitFor(written);
      buffer.copyTo(0, pinned.segment(), consumer);
      read.record(consumer);
      read.synchronise();
      assertTrue(written.isDone());
      assertEquals(0x01010101, pinned.segment().get(JAVA_INT, 0));
      assertTrue(read.millisecondsSince(written) > 0);
      assertEquals(0, arena.allocate(4).get(JAVA_INT, 0));
    }
  }

  @Test
  @SoftGpuTest(memoryBytes = 1 << 20)
  void outOfMemorySaysWhoHoldsIt(SoftGpu gpu) {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceBuffer pool = device.allocate(600_000, "KV pool")) {
      DeviceBuffer weights = device.allocate(300_000, "weights");
      OutOfDeviceMemoryException e =
          assertThrows(
              OutOfDeviceMemoryException.class, () -> device.allocate(200_000, "workspace"));
      assertEquals(200_000, e.asked());
      assertEquals((1 << 20) - 900_000, e.free());
      assertTrue(e.getMessage().contains("KV pool (600000), weights (300000)"), e.getMessage());
      assertTrue(pool.isAlive() && weights.isAlive());
      assertEquals(2, gpu.liveMemory().size());
      weights.close();
      device.allocate(200_000, "workspace").close();
    }
  }

  @Test
  void accountsForWhatIsHeld() {
    long before = MemoryAccount.live();
    try (CudaDevice device = CudaDevice.open(0)) {
      DeviceBuffer buffer = device.allocate(4096, "buffer");
      PinnedBuffer pinned = device.allocatePinned(1000, "pinned");
      assertEquals(before + 5096, MemoryAccount.live());
      buffer.close();
      buffer.close();
      pinned.close();
      pinned.close();
      assertEquals(before, MemoryAccount.live());
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(16, "buffer")) {
      MemorySegment tooLong = arena.allocate(17);
      assertThrows(InvalidArgumentException.class, () -> buffer.copyFrom(tooLong));
      assertThrows(InvalidArgumentException.class, () -> buffer.copyTo(0, tooLong, stream));
      assertThrows(InvalidArgumentException.class, () -> buffer.fill(-1, 1, (byte) 0, stream));
      assertThrows(
          InvalidArgumentException.class, () -> buffer.fill(8, Long.MAX_VALUE, (byte) 0, stream));
      assertThrows(InvalidArgumentException.class, () -> device.allocate(0, "nothing"));
      IllegalArgumentException heap =
          assertThrows(
              IllegalArgumentException.class,
              () -> buffer.copyFrom(MemorySegment.ofArray(new byte[16])));
      assertTrue(heap.getMessage().contains("native memory"), heap.getMessage());
    }
  }

  @Test
  void useAfterCloseIsRefused() {
    CudaDevice device = CudaDevice.open(0);
    DeviceBuffer buffer = device.allocate(16, "buffer");
    CudaStream stream = device.newStream();
    CudaEvent event = device.newEvent();
    PinnedBuffer pinned = device.allocatePinned(16, "pinned");
    buffer.close();
    stream.close();
    event.close();
    pinned.close();
    assertFalse(buffer.isAlive());
    assertThrows(IllegalStateException.class, buffer::address);
    assertThrows(IllegalStateException.class, stream::synchronise);
    assertThrows(IllegalStateException.class, event::synchronise);
    assertThrows(IllegalStateException.class, () -> pinned.segment().get(JAVA_INT, 0));
    device.close();
    device.close();
    assertThrows(IllegalStateException.class, device::synchronise);
  }

  /** JCuda pins Java arrays during a call; with native memory a collection cannot hang. */
  @Test
  void aGarbageCollectionDuringACopyIsHarmless(SoftGpu gpu) {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        DeviceBuffer buffer = device.allocate(4 * N, "numbers")) {
      gpu.faults().beforeCall("cuMemcpyHtoD_v2", System::gc);
      buffer.copyFrom(numbers(arena));
      assertEquals(1, gpu.faults().calls("cuMemcpyHtoD_v2"));
    }
  }
}
