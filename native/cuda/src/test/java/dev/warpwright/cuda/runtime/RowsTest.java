package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Copies of rows. */
@SoftGpuTest
class RowsTest {
  /** Three rows of four bytes at distance ten, from byte 1 on. */
  private static final Rows WIDE = new Rows(1, 10, 4, 3);

  /** The same rows without gaps. */
  private static final Rows DENSE = new Rows(0, 4, 4, 3);

  @Test
  void copiesThereAcrossAndBack() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer first = device.allocate(40, "first");
        DeviceBuffer second = device.allocate(40, "second")) {
      MemorySegment host = arena.allocate(12);
      MemorySegment back = arena.allocate(40);
      for (int i = 0; i < 12; i++) {
        host.set(JAVA_BYTE, i, (byte) (i + 1));
      }
      first.fill(0, 40, (byte) 0, stream);
      second.fill(0, 40, (byte) 0, stream);
      first.copyFrom(WIDE, host, DENSE, stream);
      second.copyFrom(new Rows(4, 12, 4, 3), first, WIDE, stream);
      second.copyTo(new Rows(4, 12, 4, 3), back, WIDE, stream);
      stream.synchronise();
      for (int i = 0; i < 40; i++) {
        int row = (i - 1) / 10;
        int column = (i - 1) % 10;
        boolean inside = i >= 1 && row < 3 && column < 4;
        assertEquals(inside ? 4 * row + column + 1 : 0, back.get(JAVA_BYTE, i), "byte " + i);
      }
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(24, "buffer")) {
      MemorySegment host = arena.allocate(12);
      assertThrows(
          InvalidArgumentException.class, () -> buffer.copyFrom(WIDE, host, DENSE, stream));
      assertThrows(
          IndexOutOfBoundsException.class, () -> buffer.copyFrom(DENSE, host, WIDE, stream));
      assertThrows(
          InvalidArgumentException.class,
          () -> buffer.copyTo(DENSE, host, new Rows(0, 4, 4, 2), stream));
    }
    assertThrows(InvalidArgumentException.class, () -> new Rows(-1, 4, 4, 1));
    assertThrows(InvalidArgumentException.class, () -> new Rows(0, 3, 4, 1));
    assertThrows(InvalidArgumentException.class, () -> new Rows(0, 4, 0, 1));
    assertThrows(InvalidArgumentException.class, () -> new Rows(0, 4, 4, 0));
    assertThrows(InvalidArgumentException.class, () -> new Rows(0, Long.MAX_VALUE, 4, 2));
  }
}
